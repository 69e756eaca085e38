package query

import "github.com/ovasabi/ovasabi/pkg/fault"

// Insert writes one row of the campaign; columns that are not set take their
// defaults. Many rows are BatchInserter's.
func (b *CampaignQueryBuilder) Insert(assignments ...Assignment) *CampaignQueryBuilder {
	if !b.begin(verbInsert) {
		return b
	}
	names := b.columns.bytes()
	for i := range assignments {
		a := &assignments[i]
		if !b.writable(a) {
			continue
		}
		if a.op == assignAdd || a.op == assignMerge || a.op == assignExcluded {
			b.fail(misuse("column %s of a new row has no earlier value: use Set", a.def.name))
			continue
		}
		names = append(append(names, ", "...), a.def.bare...)
		b.values = b.appendAssigned(append(b.values, ", "...), a)
	}
	b.columns.keep(names)
	return b
}

// Update sets columns of the rows that Where leaves.
func (b *CampaignQueryBuilder) Update(assignments ...Assignment) *CampaignQueryBuilder {
	if b.begin(verbUpdate) {
		b.columns.keep(b.appendSet(b.columns.bytes(), assignments))
	}
	return b
}

// Delete deletes the rows that Where leaves.
func (b *CampaignQueryBuilder) Delete() *CampaignQueryBuilder {
	b.begin(verbDelete)
	return b
}

func (b *CampaignQueryBuilder) begin(v verb) bool {
	if b.table == nil || b.verb != verbSelect || !b.columns.empty() {
		b.fail(misuse("Insert, Update or Delete is called once, after WithTable and without Columns"))
		return false
	}
	b.verb = v
	return true
}

// OnConflict names the unique key whose conflict DoNothing or DoUpdate answers;
// the campaign's column is part of it and need not be named.
func (b *CampaignQueryBuilder) OnConflict(fields ...Field) *CampaignQueryBuilder {
	if len(b.conflict) > 0 {
		return b.fail(misuse("OnConflict is called once, before DoNothing or DoUpdate"))
	}
	if b.table == nil {
		return b.fail(misuse("OnConflict was asked for before WithTable"))
	}
	b.conflict = append(append(b.conflict, "\nON CONFLICT ("...), b.table.campaign.bare...)
	for _, f := range fields {
		var def *column
		if f != nil {
			def = f.field()
		}
		if b.known(def) && !def.same(&b.table.campaign) {
			b.conflict = append(append(b.conflict, ", "...), def.bare...)
		}
	}
	b.conflict = append(b.conflict, ") "...)
	return b
}

// DoNothing leaves an existing row as it is. No row is then returned. Without
// OnConflict it answers a conflict of any key.
func (b *CampaignQueryBuilder) DoNothing() *CampaignQueryBuilder {
	if len(b.conflict) == 0 {
		b.conflict = append(b.conflict, "\nON CONFLICT "...)
	}
	return b.answer("DO NOTHING")
}

// DoUpdate changes the existing row instead. SetExcluded takes what the insert
// would have written; Where narrows which existing rows may change.
func (b *CampaignQueryBuilder) DoUpdate(assignments ...Assignment) *CampaignQueryBuilder {
	if len(b.conflict) == 0 || len(assignments) == 0 {
		return b.fail(misuse("DoUpdate follows OnConflict and sets at least one column"))
	}
	b.answer("DO UPDATE\nSET ")
	b.doUpdate = true
	var set []byte
	b.conflict = append(b.conflict, b.appendSet(set, assignments)...)
	return b
}

func (b *CampaignQueryBuilder) answer(words string) *CampaignQueryBuilder {
	if b.conflict[len(b.conflict)-1] != ' ' { // the target ends in a space, an answer does not
		return b.fail(misuse("a conflict is answered once, by DoNothing or DoUpdate"))
	}
	b.conflict = append(b.conflict, words...)
	return b
}

func (b *CampaignQueryBuilder) appendSet(dst []byte, assignments []Assignment) []byte {
	for i := range assignments {
		a := &assignments[i]
		if !b.writable(a) {
			continue
		}
		if a.op == assignExcluded && b.verb != verbInsert {
			b.fail(misuse("SetExcluded of column %s belongs to DoUpdate", a.def.name))
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, a.def.bare...), " = "...)
		dst = b.appendAssigned(dst, a)
	}
	return dst
}

// writable refuses what no statement may write: first of all the campaign.
func (b *CampaignQueryBuilder) writable(a *Assignment) bool {
	if a.op == assignNone {
		b.fail(misuse("an empty Assignment was given; leave it out instead"))
		return false
	}
	if !b.known(a.def) {
		return false
	}
	switch {
	case a.def.table != b.table:
		b.fail(misuse("column %s belongs to another table than the one that is written", a.def.name))
	case a.def.bare == b.table.campaign.bare:
		b.fail(fault.Field(a.def.name, "is the campaign of the query and cannot be set"))
	case a.def.derived:
		b.fail(misuse("the expression %s cannot be written", a.def.name))
	default:
		return true
	}
	return false
}

func (b *CampaignQueryBuilder) appendAssigned(dst []byte, a *Assignment) []byte {
	switch a.op {
	case assignNull:
		return append(dst, "NULL"...)
	case assignDefault:
		return append(dst, "DEFAULT"...)
	case assignNow:
		return append(dst, "now()"...)
	case assignExcluded:
		return append(append(dst, "EXCLUDED."...), a.def.bare...)
	case assignAdd:
		dst = append(append(dst, a.def.qualified...), " + "...)
	case assignMerge:
		dst = append(append(dst, a.def.qualified...), " || "...)
	}
	b.args.addScalar(&a.value)
	dst = b.args.placeholder(dst)
	if a.op == assignMerge {
		dst = append(dst, "::jsonb"...)
	}
	return dst
}

func (b *CampaignQueryBuilder) appendInsert(text []byte) []byte {
	text = append(append(text, "INSERT INTO "...), b.table.from...)
	text = append(append(text, " ("...), b.table.campaign.bare...)
	text = append(append(text, b.columns.bytes()...), ")\nVALUES ($1::bigint"...)
	text = append(append(text, b.values...), ')')
	text = append(text, b.conflict...)
	if b.doUpdate {
		text = append(append(append(text, "\nWHERE "...), b.table.scoped...), b.where.bytes()...)
	}
	return b.appendReturning(text)
}

func (b *CampaignQueryBuilder) appendChange(text []byte) []byte {
	if b.verb == verbUpdate {
		text = append(append(text, "UPDATE "...), b.table.from...)
		text = append(append(text, "\nSET "...), b.columns.bytes()...)
	} else {
		text = append(append(text, "DELETE FROM "...), b.table.from...)
	}
	text = append(append(append(text, "\nWHERE "...), b.table.scoped...), b.where.bytes()...)
	return b.appendReturning(text)
}

func (b *CampaignQueryBuilder) appendReturning(text []byte) []byte {
	if len(b.returning) > 0 {
		text = append(append(text, "\nRETURNING "...), b.returning...)
	}
	return text
}
