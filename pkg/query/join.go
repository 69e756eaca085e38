package query

// join is a table joined to the statement's.
type join struct {
	table *Table
	left  bool
	toOne bool // the conditions fix its key: no row of the statement's table comes twice
}

// Join joins rows of the same campaign for which the conditions hold. The
// equality of campaigns is always the first condition. Call it after WithTable.
//
// Conditions that equate the joined table's key leave each row alone. Others may
// multiply rows; the joined table's key then ends the order too, so that pages
// still hold every row once.
func (b *CampaignQueryBuilder) Join(t *Table, on ...Condition) *CampaignQueryBuilder {
	return b.join("\nJOIN ", t, false, on)
}

// LeftJoin is Join that keeps rows without a match: the joined columns are then NULL.
func (b *CampaignQueryBuilder) LeftJoin(t *Table, on ...Condition) *CampaignQueryBuilder {
	return b.join("\nLEFT JOIN ", t, true, on)
}

func (b *CampaignQueryBuilder) join(words string, t *Table, left bool, on []Condition) *CampaignQueryBuilder {
	switch {
	case b.table == nil:
		return b.fail(misuse("a join was asked for before WithTable"))
	case t == nil:
		return b.fail(misuse("a join was given no table"))
	case t.err != nil:
		return b.fail(t.err)
	case b.names(t.alias):
		return b.fail(misuse("table %q is read twice under one name: give it another with Table.As", t.name))
	case len(on) == 0:
		return b.fail(misuse("the join of table %q needs a condition beside the campaign's", t.name))
	}
	b.joins = append(b.joins, join{table: t, left: left, toOne: fixesKey(t, on)})
	b.from = append(append(b.from, words...), t.from...)
	b.from = append(append(b.from, "\n  ON "...), t.campaign.qualified...)
	b.from = append(append(b.from, " = "...), b.table.campaign.qualified...)
	for i := range on {
		b.from = append(b.from, " AND "...)
		b.from = b.appendCondition(b.from, &on[i])
	}
	return b
}

// names reports whether the statement already reads a table under this name.
func (b *CampaignQueryBuilder) names(alias string) bool {
	if b.table.alias == alias {
		return true
	}
	for i := range b.joins {
		if b.joins[i].table.alias == alias {
			return true
		}
	}
	return false
}

func fixesKey(t *Table, on []Condition) bool {
	for k := range t.key {
		fixed := false
		for i := range on {
			switch c := &on[i]; c.op {
			case opEqual:
				fixed = fixed || c.def != nil && c.def.same(&t.key[k])
			case opEqualColumn:
				if c.def != nil && c.right != nil && c.def.table != c.right.table {
					fixed = fixed || c.def.same(&t.key[k]) || c.right.same(&t.key[k])
				}
			}
		}
		if !fixed {
			return false
		}
	}
	return len(t.key) > 0
}
