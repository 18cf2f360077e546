// Command waybill keeps a dropshipping order's status the same in a Wix store, in Waybill and at AliExpress.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

const usage = `waybill keeps a dropshipping order's status the same in a Wix store, in Waybill and at AliExpress.

Usage: waybill <command>

  serve            run Waybill                        (waybill serve --help lists all settings)
  demo             run Waybill with both platforms simulated and a sample shop
  simulate         run both simulators alone          (waybill simulate --help)
  migrate          bring the database up to date and end (--distribute: spread merchants over the nodes of Citus)
  admin            accounts, links to new passwords   (waybill admin --help)
  rotate-secrets   seal anew what another key sealed  (waybill rotate-secrets --help)
  erase            erase what is kept of a buyer      (waybill erase --help)
  messages         what the platforms sent of an order (waybill messages --help)
  audit            check or export what was done      (waybill audit --help)
  healthy          ask a running Waybill whether it is ready; for container health checks
  version          print the version
`

// gcPercent lets the heap grow to four times of what lives before it is cleaned: what lives is small (some ten megabytes), and cleaning it took a
// fifth of the time. GOGC goes before it.
const gcPercent = 300

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	// The first signal drains; a second one ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "waybill:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

func run(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	command, rest := "", []string{}
	if len(args) > 0 {
		command, rest = args[0], args[1:]
	}
	switch command {
	case "serve":
		return serve(ctx, rest, env, errOut)
	case "demo":
		return demo(ctx, rest, env, out, errOut)
	case "simulate":
		return simulate(ctx, rest, out, errOut)
	case "migrate":
		return migrate(ctx, rest, env, errOut)
	case "admin":
		return admin(ctx, rest, env, out, errOut)
	case "rotate-secrets":
		return rotateSecrets(ctx, rest, env, out, errOut)
	case "erase":
		return erase(ctx, rest, env, out, errOut)
	case "messages":
		return messages(ctx, rest, env, out, errOut)
	case "audit":
		return auditCommand(ctx, rest, env, out, errOut)
	case "healthy":
		return healthy(ctx, env)
	case "version":
		_, err := fmt.Fprintln(out, version())
		return err
	case "help", "-h", "--help":
		_, err := fmt.Fprint(out, usage)
		return err
	}
	fmt.Fprint(errOut, usage)
	return errUsage
}

// version is the module's version, with the commit it was built from where Go knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "waybill (unknown version)"
	}
	v := "waybill " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v + " " + info.GoVersion
}
