package campaign

// Waiting is how many reads of a campaign wait for a trip.
func (p *Pipeline) Waiting(id ID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.lanes[id]; l != nil {
		return l.waiting.Len()
	}
	return 0
}

// Lanes is how many campaigns have something under way.
func (p *Pipeline) Lanes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lanes)
}
