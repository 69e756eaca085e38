// Package check holds the tests of deploy/. They are a module of their own, so that the
// libraries of Kubernetes and compose, by which they read the files, are no part of the
// platform's. What they need of the machine they name; in a CI nothing of it is skipped.
package check
