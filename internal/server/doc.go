// Package server answers HTTP: the services over Connect, gRPC and gRPC-Web on
// one port (HTTP/1.1, h2c, and TLS where a certificate is given), health,
// metrics, the API's own description, and the operator's pages.
//
// Without a valid token only /healthz, /readyz, the gRPC health service and the
// form at /login answer.
package server
