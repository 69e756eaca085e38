package schema

import "context"

// Up brings the database to the phase: what the verbs and the tests need most.
func Up(ctx context.Context, ownerURL string, to Phase, o Options) error {
	m, err := Open(ownerURL, o)
	if err != nil {
		return err
	}
	defer m.Close()
	return m.Up(ctx, to)
}
