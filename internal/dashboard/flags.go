package dashboard

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/a-h/templ"

	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

func capital(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

func (d *Dashboard) flags(r *http.Request) (templ.Component, error) {
	if d.Flags == nil {
		return note("warning", "This process was given no database to keep flags in."), nil
	}
	live, err := d.flagsLive(r)
	if err != nil {
		return nil, err
	}
	return templ.Join(flagForm(twin.Declared()), live), nil
}

func (d *Dashboard) flagsLive(r *http.Request) (templ.Component, error) {
	if d.Flags == nil {
		return liveBox(templ.NopComponent), nil
	}
	flags, err := twin.List(r.Context(), d.Flags)
	if err != nil {
		return nil, err
	}
	return liveBox(flagsTable(flags)), nil
}

// maxForm bounds a form, in bytes.
const maxForm = 8 << 10

// setFlag writes a flag. It is asked for by the page's script with the operator's
// token as a bearer: the cookie alone changes nothing.
func (d *Dashboard) setFlag(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := d.writeFlag(r); err != nil {
		server.WriteError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (d *Dashboard) writeFlag(r *http.Request) error {
	if d.Flags == nil {
		return fault.New(fault.Unavailable, "this process was given no database to keep flags in")
	}
	identity, err := token.FromContext(r.Context())
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "the form could not be read: send at most %d bytes", maxForm)
	}
	var id campaign.ID
	if text := strings.TrimSpace(r.PostFormValue("campaign")); text != "" && text != "0" {
		if id, err = campaign.ParseID(text); err != nil {
			return err
		}
	}
	if r.PostFormValue("action") == "clear" {
		return twin.Clear(r.Context(), d.Flags, id, r.PostFormValue("twin"))
	}
	percentage, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue("percentage")))
	if err != nil {
		return fault.Field("percentage", "must be a whole number from 0 (plain) to 100 (optimised)")
	}
	reason := strings.TrimSpace(r.PostFormValue("reason"))
	if reason == "" {
		reason = "set on the page"
	}
	return twin.Set(r.Context(), d.Flags, twin.Flag{
		Campaign: id, Twin: r.PostFormValue("twin"), Percentage: percentage,
		Reason: identity.Subject + ": " + reason,
	})
}
