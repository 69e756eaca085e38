// Package dashboard is the operator's page: what the database does, campaign by
// campaign and query by query, live by server-sent events.
//
// It is rendered on the server by templ and needs no network and no build step:
// its assets are embedded. The page is morphed into place by a script of its own
// instead of datastar, because datastar compiles the attributes of the page with
// Function(), which a Content-Security-Policy without unsafe-eval refuses.
//
//nolint:godoclint // templ writes its version where Go looks for a comment of the package
package dashboard
