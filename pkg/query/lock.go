package query

type lockStrength uint8

const (
	lockNone lockStrength = iota
	lockUpdate
	lockNoKeyUpdate
	lockShare
	lockKeyShare
)

type lockWait uint8

const (
	waitForLock lockWait = iota
	skipLocked
	noWait
)

var lockWords = [...]string{
	lockUpdate:      "\nFOR UPDATE OF ",
	lockNoKeyUpdate: "\nFOR NO KEY UPDATE OF ",
	lockShare:       "\nFOR SHARE OF ",
	lockKeyShare:    "\nFOR KEY SHARE OF ",
}

var waitWords = [...]string{waitForLock: "", skipLocked: " SKIP LOCKED", noWait: " NOWAIT"}

// ForUpdate locks the rows of the statement's own table until the transaction
// ends; joined rows are not locked. PostgreSQL asks for the right to update.
func (b *CampaignQueryBuilder) ForUpdate() *CampaignQueryBuilder { return b.locking(lockUpdate) }

// ForNoKeyUpdate is ForUpdate for changes that leave the key alone: rows that
// refer to these can still be inserted.
func (b *CampaignQueryBuilder) ForNoKeyUpdate() *CampaignQueryBuilder {
	return b.locking(lockNoKeyUpdate)
}

// ForShare keeps others from changing the rows, and lets them lock FOR SHARE too.
func (b *CampaignQueryBuilder) ForShare() *CampaignQueryBuilder { return b.locking(lockShare) }

// ForKeyShare keeps others from deleting the rows and from changing their keys.
func (b *CampaignQueryBuilder) ForKeyShare() *CampaignQueryBuilder { return b.locking(lockKeyShare) }

// SkipLocked leaves out rows that others have locked.
func (b *CampaignQueryBuilder) SkipLocked() *CampaignQueryBuilder { return b.waiting(skipLocked) }

// NoWait fails at once (fault.Unavailable) where others have locked a row.
func (b *CampaignQueryBuilder) NoWait() *CampaignQueryBuilder { return b.waiting(noWait) }

func (b *CampaignQueryBuilder) locking(s lockStrength) *CampaignQueryBuilder {
	if b.lock != lockNone && b.lock != s {
		return b.fail(misuse("a statement locks in one way"))
	}
	b.lock = s
	return b
}

func (b *CampaignQueryBuilder) waiting(w lockWait) *CampaignQueryBuilder {
	if b.wait != waitForLock && b.wait != w {
		return b.fail(misuse("SkipLocked and NoWait exclude each other"))
	}
	b.wait = w
	return b
}
