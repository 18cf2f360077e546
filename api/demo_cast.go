package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pquerna/otp/totp"

	"waybill/handlers"
	"waybill/models"
	"waybill/services/people"
)

// demoCast is an account for each role, that anybody may use.
type demoCast struct {
	mu  sync.Mutex
	all []demoActor
}

type demoActor struct {
	handlers.DemoAccount
	name   string
	secret models.Secret // of the authenticator app; empty: none
}

// enter makes the accounts. Staff get an authenticator app whose codes the demo gives away.
func (c *demoCast) enter(ctx context.Context, a *app) error {
	merchants, err := a.accounts.Merchants(ctx)
	if err != nil {
		return err
	}
	for role, name := range map[models.PersonRole]string{
		models.RoleOwner: "Olivia Owner", models.RoleMember: "Max Member", models.RoleReadOnly: "Rita Reader", models.RoleSupport: "Sam Support", models.RoleOperator: "Otto Operator",
	} {
		m := merchants[0].ID
		if role.OfStaff() {
			m = ""
		}
		word := strings.ReplaceAll(string(role), "_", "-")
		actor := demoActor{DemoAccount: handlers.DemoAccount{Role: role, Email: word + "@demo.example", Password: "demo-" + word + "-parcel-lantern-41"}, name: name}
		p, err := a.people.Make(ctx, actor.Email, people.NewPerson{Name: name, Password: actor.Password}, m, role)
		if err != nil {
			return err
		}
		if role.OfStaff() {
			if actor.secret, err = a.people.GiveApp(ctx, p); err != nil {
				return err
			}
		}
		c.mu.Lock()
		c.all = append(c.all, actor)
		c.mu.Unlock()
	}
	return nil
}

// accounts gives each account, with the code that works now. They come in the order of what they may do.
func (c *demoCast) accounts() []handlers.DemoAccount {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := []handlers.DemoAccount{}
	for _, role := range []models.PersonRole{models.RoleOwner, models.RoleMember, models.RoleReadOnly, models.RoleSupport, models.RoleOperator} {
		for _, actor := range c.all {
			if actor.Role != role {
				continue
			}
			if actor.secret != "" {
				actor.Code, _ = totp.GenerateCode(actor.secret.Reveal(), time.Now())
			}
			list = append(list, actor.DemoAccount)
		}
	}
	return list
}

// list is the accounts as the terminal shows them.
func (c *demoCast) list() string {
	var b strings.Builder
	for _, a := range c.accounts() {
		fmt.Fprintf(&b, "  %-10s %-24s %s\n", a.Role, a.Email, a.Password)
	}
	for _, actor := range c.all {
		if actor.secret != "" {
			fmt.Fprintf(&b, "  %-10s authenticator app: %s\n", actor.Role, actor.secret.Reveal())
		}
	}
	return b.String()
}
