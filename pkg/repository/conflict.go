package repository

// Conflict says what a batch does with a row whose key exists already.
type Conflict uint8

const (
	// Fail makes such a row an error. The default.
	Fail Conflict = iota
	// Skip keeps the row that exists; the batch reports its id.
	Skip
	// Update changes the row that exists, as TableSpec.Update says. Of several
	// rows of one batch with the same key the last one is written. Rows are written
	// in the order of their keys, so new ids do not follow the order of AddRow.
	Update
)

var conflictNames = [...]string{Fail: "fail", Skip: "skip", Update: "update"}

// String returns the behaviour's name as metrics carry it.
func (c Conflict) String() string {
	if int(c) < len(conflictNames) {
		return conflictNames[c]
	}
	return "unknown"
}

// Outcome is what became of one row of a batch.
type Outcome uint8

const (
	// Pending: not written yet.
	Pending Outcome = iota
	// Inserted: a new row.
	Inserted
	// Skipped: a row with this key existed, or stood earlier in the batch, and was kept.
	Skipped
	// Updated: a row with this key existed and was changed.
	Updated
	// Superseded: a later row of the same batch had this key and was written in its place.
	Superseded
	// Rejected: the server refused the row; the error of Execute says why.
	Rejected
)

var outcomeNames = [...]string{
	Pending: "pending", Inserted: "inserted", Skipped: "skipped",
	Updated: "updated", Superseded: "superseded", Rejected: "rejected",
}

// String returns the outcome's name as metrics carry it.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}
