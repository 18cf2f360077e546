package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"waybill/models"
	"waybill/services/database"
	"waybill/services/mail"
	"waybill/services/people"
)

const adminUsage = `Usage: waybill admin create --email <address> --name <name> [--role operator|support]
       waybill admin create --email <address> --name <name> --role owner|member|read_only --merchant <id>
       waybill admin link <address>
       waybill admin reset-factors <address>
       waybill admin end-sessions <address>
       waybill admin merchants

create makes an account and prints a link with which its owner sets the password: the first operator comes by it.
link prints a link to a new password, where no mail is sent. reset-factors takes away the second factors of somebody who has lost
them: make sure that you know who asks. end-sessions signs somebody out everywhere. merchants lists ids and names. Waybill may run meanwhile.
`

// admin is what the operator does on the machine itself.
func admin(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	flags := flag.NewFlagSet("admin", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() { _, _ = fmt.Fprint(errOut, adminUsage) }
	email, name := flags.String("email", "", ""), flags.String("name", "", "")
	role, merchant := flags.String("role", string(models.RoleOperator), ""), flags.String("merchant", "", "")
	if len(args) == 0 {
		flags.Usage()
		return errUsage
	}
	what := args[0]
	if err := flags.Parse(args[1:]); err != nil {
		return errors.Join(err, onlyHelp(err))
	}
	asked := models.PersonRole(*role)
	known := map[string]bool{
		"create":        flags.NArg() == 0 && *email != "" && *name != "" && len(asked.Scopes()) > 0 && asked.OfStaff() == (*merchant == ""),
		"link":          flags.NArg() == 1,
		"reset-factors": flags.NArg() == 1,
		"end-sessions":  flags.NArg() == 1,
		"merchants":     flags.NArg() == 0,
	}
	if !known[what] {
		flags.Usage()
		return errUsage
	}
	a, keys, err := openWithKeys(ctx, env, errOut)
	if err != nil {
		return err
	}
	defer a.stop()
	a.people, err = people.New(people.Options{DB: a.db, Accounts: a.accounts, Sealer: keys.Sealer(), Mail: &mail.Sender{}, PublicURL: a.cfg.PublicURL})
	if err != nil {
		return err
	}
	switch what {
	case "create":
		return a.createPerson(ctx, out, *email, *name, models.MerchantID(*merchant), asked)
	case "link":
		return a.printLink(ctx, out, flags.Arg(0))
	case "reset-factors":
		return a.people.ForgetFactors(ctx, flags.Arg(0))
	case "end-sessions":
		return a.people.EndAllOf(ctx, flags.Arg(0))
	}
	return a.listMerchants(ctx, out)
}

func (a *app) createPerson(ctx context.Context, out io.Writer, email, name string, m models.MerchantID, role models.PersonRole) error {
	if !mail.ValidAddress(email) {
		return fmt.Errorf("%q is not an e-mail address", email)
	}
	if m != "" {
		if !database.ValidID(string(m)) {
			return fmt.Errorf("%q is not the id of a merchant (waybill admin merchants)", m)
		}
		if _, err := a.accounts.Merchant(ctx, m); err != nil {
			return err
		}
	}
	if _, err := a.people.Make(ctx, email, people.NewPerson{Name: name}, m, role); err != nil {
		return err
	}
	return a.printLink(ctx, out, email)
}

func (a *app) printLink(ctx context.Context, out io.Writer, email string) error {
	link, err := a.people.ResetLink(ctx, email)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "With this link, good for an hour and once, %s sets a password:\n\n  %s\n\n", email, link.Reveal())
	return err
}

func (a *app) listMerchants(ctx context.Context, out io.Writer) error {
	list, err := a.accounts.Merchants(ctx)
	for _, m := range list {
		_, _ = fmt.Fprintf(out, "%s  %s\n", m.ID, m.Name)
	}
	return err
}
