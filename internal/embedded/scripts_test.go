//go:build unix

package embedded_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ovasabi/ovasabi/internal/embedded"
)

// scripts are what the other processes of these tests do; data is a folder.
var scripts = map[string]func(data string){
	"fetch": func(cache string) {
		embedded.NoUsualFolders(nil)
		found, err := embedded.Find(context.Background(), embedded.FindOptions{
			CacheDir: cache, Progress: func(line string) { fmt.Println(line) },
		})
		exitOn(err)
		fmt.Println("found", found.Version)
	},
	// hold runs a server and does nothing about signals.
	"hold": func(data string) {
		announce(context.Background(), data)
		select {}
	},
	// polite ends its context on a signal, as the binary does.
	"polite": func(data string) {
		ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer cancel()
		server := announce(ctx, data)
		<-server.Done()
		fmt.Println("ended", server.Err())
	},
	"panic": func(data string) {
		announce(context.Background(), data)
		go panic("as a bug might")
		select {}
	},
}

func announce(ctx context.Context, data string) *embedded.Server {
	server, err := embedded.Start(ctx, quiet(data))
	exitOn(err)
	fmt.Println(server.PID())
	return server
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
