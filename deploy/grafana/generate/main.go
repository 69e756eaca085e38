// Command generate writes the Grafana dashboards, made with Grafana's foundation SDK:
//
//	cd deploy/grafana/generate && go run . ../dashboards
//
// It stands in a module of its own, so that the platform's module does not know the SDK.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, builder := range map[string]*dashboard.DashboardBuilder{
		"overview":    overview(),
		"queries":     queries(),
		"campaigns":   campaigns(),
		"server":      server(),
		"maintenance": maintenance(),
	} {
		built, err := builder.Uid("ovasabi-" + name).Build()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		text, err := json.MarshalIndent(built, "", "  ")
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name+".json"), append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}
