// Package api holds the contracts of the platform: the .proto files, the Go
// made from them under gen, and the OpenAPI document.
package api

import _ "embed" // for the document

// OpenAPI is the OpenAPI 3.1 document of all services, in YAML.
//
//go:embed gen/openapi.yaml
var OpenAPI []byte
