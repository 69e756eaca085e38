package query

import "github.com/ovasabi/ovasabi/pkg/fault"

// SQL returns the statement's text and its parameters, or every error of the
// calls that made it. It may be called again and answers the same.
func (b *CampaignQueryBuilder) SQL() (string, []any, error) {
	if err := b.check(); err != nil {
		return "", nil, err
	}
	var room [1024]byte
	switch b.verb {
	case verbInsert:
		return b.table.shapes.text(b.appendInsert(room[:0])), b.args.list(), nil
	case verbUpdate, verbDelete:
		return b.table.shapes.text(b.appendChange(room[:0])), b.args.list(), nil
	}
	return b.selectSQL(room[:0])
}

func (b *CampaignQueryBuilder) selectSQL(text []byte) (string, []any, error) {
	args := b.args // the cursor and the limit are parameters of this text only
	var room [maxOrder]Order
	orders := b.ordering(room[:0])
	text = append(append(text, "SELECT "...), b.columns.bytes()...)
	text = b.appendFrom(text)
	if b.token != "" {
		var err error
		if text, err = b.appendCursor(text, &args, orders); err != nil {
			return "", nil, err
		}
	}
	if len(orders) > 0 {
		text = b.appendOrder(append(text, "\nORDER BY "...), orders)
	}
	if !b.noLimit {
		limit := b.limit
		if limit == 0 {
			limit = DefaultLimit
		}
		args.addNum(int64(limit))
		text = args.placeholder(append(text, "\nLIMIT "...))
	}
	if b.lock != lockNone {
		text = append(append(text, lockWords[b.lock]...), b.table.alias...)
		text = append(text, waitWords[b.wait]...)
	}
	return b.table.shapes.text(text), args.list(), nil
}

func (b *CampaignQueryBuilder) appendFrom(text []byte) []byte {
	text = append(append(text, "\nFROM "...), b.table.from...)
	text = append(append(text, b.from...), "\nWHERE "...)
	text = append(text, b.table.scoped...)
	return append(text, b.where.bytes()...)
}

func (b *CampaignQueryBuilder) appendCursor(text []byte, args *arguments, orders []Order) ([]byte, error) {
	values, err := b.signer.Open(b.campaign, b.binding(orders), b.token)
	if err != nil {
		return nil, err
	}
	if len(values) != len(orders) {
		return nil, errCursor()
	}
	var room [maxOrder]int
	k := keyset{b: b, orders: orders, params: append(room[:0], make([]int, len(orders))...)}
	for i, v := range values {
		if v == nil {
			if !b.nullable(&orders[i]) { // the column was declared otherwise when the cursor was made
				return nil, errCursor()
			}
			continue
		}
		s := scalarOf(v)
		args.addScalar(&s)
		k.params[i] = args.count
	}
	return k.appendAfter(append(text, "\n  AND "...), 0), nil
}

// CountSQL returns a statement that counts the rows of the same joins and
// conditions, one more than the bound at most: a result greater than the bound
// means "more than that many". It costs no more than reading bound+1 rows. The
// bound is 1 to MaxCount. Columns, order, page, limit and lock play no part.
func (b *CampaignQueryBuilder) CountSQL(bound int) (string, []any, error) {
	var wrong error
	if b.verb != verbSelect {
		wrong = misuse("CountSQL is for reads")
	} else if bound < 1 || bound > MaxCount {
		wrong = fault.Field("count", "must be between 1 and %d", MaxCount)
	}
	if err := b.failure(wrong); err != nil {
		return "", nil, err
	}
	args := b.args
	var room [1024]byte
	text := append(room[:0], "SELECT count(*)\nFROM (\nSELECT 1"...)
	text = b.appendFrom(text)
	args.addNum(int64(bound) + 1)
	text = args.placeholder(append(text, "\nLIMIT "...))
	text = append(text, "\n) AS bounded"...)
	return b.table.shapes.text(text), args.list(), nil
}

// check finds the calls that do not go together.
func (b *CampaignQueryBuilder) check() error {
	var wrong error
	read := b.orderCount > 0 || b.paged || b.limit > 0 || b.noLimit || b.lock != lockNone || len(b.joins) > 0
	switch {
	case b.verb == verbSelect && b.allRows:
		wrong = misuse("AllRows is for updates and deletes; a read of every row is Unlimited")
	case b.verb == verbSelect && b.columns.empty():
		wrong = misuse("a read lists its columns: call Columns")
	case b.verb == verbSelect && b.lock == lockNone && b.wait != waitForLock:
		wrong = misuse("SkipLocked and NoWait belong to a lock such as ForUpdate")
	case b.verb == verbSelect && b.noLimit && (b.limit > 0 || b.paged):
		wrong = misuse("Unlimited excludes Limit and After")
	case b.verb != verbSelect && read:
		wrong = misuse("an insert, update or delete takes no join, order, page, limit or lock")
	case b.verb != verbInsert && len(b.conflict) > 0:
		wrong = misuse("OnConflict is for inserts")
	case len(b.conflict) > 0 && b.conflict[len(b.conflict)-1] == ' ':
		wrong = misuse("OnConflict is answered by DoNothing or DoUpdate")
	case b.verb == verbInsert && !b.where.empty() && !b.doUpdate:
		wrong = misuse("Where in an insert belongs to DoUpdate")
	case b.verb == verbInsert && b.allRows:
		wrong = misuse("AllRows is for updates and deletes")
	case b.verb == verbUpdate && b.columns.empty():
		wrong = misuse("an update sets at least one column")
	case (b.verb == verbUpdate || b.verb == verbDelete) && b.where.empty() && !b.allRows:
		wrong = misuse("an update or delete without a condition changes the whole campaign: add Where, or say AllRows")
	}
	return b.failure(wrong)
}
