package monitoring

import "time"

// Snapshot is everything that was read at one moment. It does not change once it
// is published: do not write to it. A nil part is one that could not be read;
// Failed says why.
type Snapshot struct {
	At time.Time `json:"at"`
	// Took is how long the collection lasted as the collector saw it.
	Took time.Duration `json:"took_ns"`
	// Since is the time between this reading and the one that the rates compare with; 0 at the first.
	Since time.Duration `json:"since_ns"`

	Server       *Server       `json:"server"`
	Database     *Database     `json:"database"`
	IO           *IOStats      `json:"io"`
	WAL          *WAL          `json:"wal"`
	Checkpointer *Checkpointer `json:"checkpointer"`
	Vacuum       *VacuumStats  `json:"vacuum"`
	Indexes      []Index       `json:"indexes"`
	AIO          []AIO         `json:"aio"`
	Activity     []Activity    `json:"activity"`
	Transactions []Transaction `json:"transactions"`
	Statements   *Statements   `json:"statements"`
	// Maintenance is the newest of the maintenance log; nil where there is none.
	Maintenance []Maintenance `json:"maintenance"`
	Replication *Replication  `json:"replication"`
	Settings    []Setting     `json:"settings"`
	// SettingChanges are the latest changes that were seen, newest first.
	SettingChanges []SettingChange `json:"setting_changes"`
	// DatabaseBytes is the size of all files of the database.
	DatabaseBytes *int64 `json:"database_bytes"`

	// Disk is that of Options.DiskPath.
	Disk *Disk `json:"disk"`

	// Pool, Queries and Campaigns are this process's own, where it was given a pool and a Tracer.
	Pool      *Pool          `json:"pool"`
	Queries   []QueryFigures `json:"queries"`
	Campaigns []CampaignUse  `json:"campaigns"`
	Client    *ClientFigures `json:"client"`
	Locks     *Locks         `json:"locks"`
	Findings  []Finding      `json:"findings"`
	// Sources are those who found some of the findings, and when they looked.
	Sources []SourceLook    `json:"sources"`
	Failed  []FailedSection `json:"failed"`
}

// FailedSection is a part that could not be read.
type FailedSection struct {
	Section string    `json:"section"`
	Reason  string    `json:"reason"`
	Since   time.Time `json:"since"`
	// Next is when it is tried again.
	Next time.Time `json:"next"`
}

// carry takes over what this collection does not read anew.
func (s *Snapshot) carry(before *Snapshot) {
	if before == nil {
		return
	}
	s.Indexes, s.Settings, s.SettingChanges, s.DatabaseBytes = before.Indexes, before.Settings, before.SettingChanges, before.DatabaseBytes
	s.Server = before.Server
}

// rates compares with the snapshot before.
func (s *Snapshot) rates(before *Snapshot) {
	if before == nil {
		return
	}
	s.Since = s.At.Sub(before.At)
	if s.IO != nil {
		s.IO.rates(before.IO, s.Since)
	}
	if s.Database != nil {
		s.Database.rates(before.Database, s.At, s.Since)
	}
	if s.WAL != nil {
		s.WAL.rates(before.WAL, s.Since)
	}
	if s.Statements != nil {
		s.Statements.rates(before.Statements, before.At, s.Since)
	}
	s.settingChanges(before)
}

// mostSettingChanges bounds the memory of changes.
const mostSettingChanges = 100

func (s *Snapshot) settingChanges(before *Snapshot) {
	if len(before.Settings) == 0 || len(s.Settings) == 0 || &before.Settings[0] == &s.Settings[0] {
		return // not read anew
	}
	known := make(map[string]*Setting, len(before.Settings))
	for i := range before.Settings {
		known[before.Settings[i].Name] = &before.Settings[i]
	}
	var changes []SettingChange
	for _, now := range s.Settings {
		was, ok := known[now.Name]
		delete(known, now.Name)
		switch {
		case !ok:
			changes = append(changes, SettingChange{s.At, now.Name, now.BuiltIn, now.Setting})
		case was.Setting != now.Setting:
			changes = append(changes, SettingChange{s.At, now.Name, was.Setting, now.Setting})
		}
	}
	for _, was := range before.Settings {
		if _, gone := known[was.Name]; gone {
			changes = append(changes, SettingChange{s.At, was.Name, was.Setting, was.BuiltIn})
		}
	}
	changes = append(changes, before.SettingChanges...)
	s.SettingChanges = changes[:min(len(changes), mostSettingChanges)]
}
