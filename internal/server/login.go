package server

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed login.html
var loginHTML string

var loginPage = template.Must(template.New("login").Parse(loginHTML))

// maxLogin bounds the form, in bytes; a token is at most 16 KiB.
const maxLogin = 20 << 10

// pageHeaders keep a page to this server: no other origin's scripts, no framing, no sniffing.
func pageHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// showLogin asks for a token where a page was asked for without a good one.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request, why error) {
	reason := ""
	if _, sent := r.Cookie(cookieName); sent == nil {
		reason = shownError(r.Context(), why).Message()
	}
	s.writeLogin(w, r, r.URL.RequestURI(), reason)
}

func (s *Server) writeLogin(w http.ResponseWriter, r *http.Request, next, reason string) {
	pageHeaders(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	if r.Method == http.MethodHead {
		return
	}
	_ = loginPage.Execute(w, struct{ Next, Reason string }{localPath(next), reason}) // a client that went away
}

// login takes a token from the form and keeps it in a cookie that no script can read.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		s.writeLogin(w, r, "/", "")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	text := strings.TrimSpace(r.PostFormValue("token"))
	next := localPath(r.PostFormValue("next"))
	identity, err := s.tokens.Verify(text)
	if err != nil {
		s.logRefused(r.Context(), "/login", err)
		s.writeLogin(w, r, next, shownError(r.Context(), err).Message())
		return
	}
	http.SetCookie(w, s.cookie(text, identity.Expires))
	http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // localPath lets nothing but a path of this server through
}

// logout forgets the token in this browser.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, s.cookie("", time.Unix(1, 0)))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func (s *Server) cookie(text string, expires time.Time) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure follows TLS: on a plain port a browser would not send it back
		Name: cookieName, Value: text, Path: "/", Expires: expires,
		HttpOnly: true, Secure: s.config.TLSCert != "", SameSite: http.SameSiteStrictMode,
	}
}

// localPath keeps a redirect on this server.
func localPath(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") {
		return "/"
	}
	return p
}
