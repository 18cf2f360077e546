package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"waybill/models"
	"waybill/services/accounts"
	"waybill/services/orders"
	"waybill/services/vault"
)

// sealer reads the secret keys: the one that seals, and the old ones that still open.
func (c Config) sealer() (*vault.Sealer, error) {
	key := c.SecretKey
	if key == "" {
		var err error
		if key, err = vault.KeyFile(filepath.Join(c.DataDir, "secret.key")); err != nil {
			return nil, err
		}
	}
	s, err := vault.NewSealer(key)
	if err != nil {
		return nil, fmt.Errorf("WAYBILL_SECRET_KEY: %w", err)
	}
	for _, old := range strings.FieldsFunc(c.OldSecretKeys.Reveal(), func(r rune) bool { return r == ',' || r == ' ' }) {
		if err := s.AddOld(models.Secret(old)); err != nil {
			return nil, fmt.Errorf("WAYBILL_OLD_SECRET_KEYS: %w", err)
		}
	}
	return s, nil
}

func (c Config) pace() models.Pace {
	return models.Pace{Speed: c.CheckSpeed, Lease: c.PlaceLease, Settle: c.PlaceSettle}
}

// checkKeys says which settings are wrong when the keys do not open what is in the database.
func checkKeys(ctx context.Context, a *accounts.Service) error {
	if err := a.CheckKeys(ctx); err != nil {
		return fmt.Errorf("WAYBILL_SECRET_KEY is not the key that was used before, and WAYBILL_OLD_SECRET_KEYS does not hold it: %w", err)
	}
	return nil
}

// rotateSecrets seals anew, with the current key, what another one has sealed.
func rotateSecrets(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	flags := flag.NewFlagSet("rotate-secrets", flag.ContinueOnError)
	flags.SetOutput(errOut)
	forget := flags.Bool("forget-lost", false, "destroy what none of the keys opens; those accounts have to be connected again")
	flags.Usage = func() {
		_, _ = fmt.Fprint(errOut, "Usage: waybill rotate-secrets [--forget-lost]\n\nSeals with WAYBILL_SECRET_KEY what one of WAYBILL_OLD_SECRET_KEYS has sealed. Waybill may run meanwhile, with the same\n"+
			"settings. Afterwards the old keys are needed no more, but for backups.\n\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return errors.Join(err, onlyHelp(err))
	}
	a, keys, err := openWithKeys(ctx, env, errOut)
	if err != nil {
		return err
	}
	defer a.stop()
	if *forget {
		n, err := a.accounts.ForgetLost(ctx)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%d connection(s) were sealed with a key that is lost and have to be connected again.\n", n)
	}
	if err := checkKeys(ctx, a.accounts); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	all, err := a.accounts.Rotate(ctx, func(so accounts.Rotated) {
		a.log.Info("sealing anew", "keys", so.Keys, "tokens", so.Tokens)
	})
	_, _ = fmt.Fprintf(out, "%d key(s) of merchants and the tokens of %d connection(s) were sealed anew.\n", all.Keys, all.Tokens)
	if err != nil {
		return err
	}
	n, err := orders.New(a.db, keys, a.cfg.pace()).SealAllPlain(ctx)
	_, _ = fmt.Fprintf(out, "What %d order(s) hold of their buyers was sealed that had not been.\n", n)
	return err
}
