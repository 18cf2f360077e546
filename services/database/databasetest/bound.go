package databasetest

import (
	"regexp"
	"slices"
	"strings"
)

// tokens are words (with their qualifier: o.merchant_id), parameters, texts, numbers and signs.
var tokens = regexp.MustCompile(`(?s)'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|\$\d+|"?[A-Za-z_]\w*"?(?:\."?[A-Za-z_*]\w*"?)*|\d+(?:\.\d+)?|::|<=|>=|<>|\S`)

// Unbound tells what keeps a statement from being sent to one merchant's rows alone; "" when nothing does. The merchant has to be said for each
// of the tables that a part of the statement reads or writes: a row that is inserted names it, every other table has its merchant_id compared
// with a value, or with that of a table which has, in that very part. It knows the SQL that the program speaks, not all there is.
func Unbound(statement string, tenantTable func(string) bool) string {
	p := &parser{tenant: tenantTable, ctes: map[string]bool{}}
	for _, t := range tokens.FindAllString(statement, -1) {
		if !strings.HasPrefix(t, "--") && !strings.HasPrefix(t, "/*") {
			if t[0] != '\'' {
				t = strings.ToLower(strings.ReplaceAll(t, `"`, ""))
			}
			p.all = append(p.all, t)
		}
	}
	for i := range p.all {
		if i+2 < len(p.all) && p.all[i+1] == "as" && p.all[i+2] == "(" && i > 0 && (p.all[i-1] == "with" || p.all[i-1] == "," || p.all[i-1] == "recursive") {
			p.ctes[p.all[i]] = true
		}
	}
	p.part(nil)
	for _, here := range p.parts { // what a part refers to may stand behind it
		p.judge(here)
	}
	return strings.Join(p.wrong, "; ")
}

type parser struct {
	all    []string
	at     int
	tenant func(string) bool
	ctes   map[string]bool
	parts  []*part
	wrong  []string
}

// part is what stands between two parentheses: a statement, a sub-select, or only an expression.
type part struct {
	outer   *part
	tables  map[string]string // the tenants' tables by what they are called here
	others  map[string]bool   // everything else that has a name here
	equal   [][2]string       // merchant_id of a table, and what it is compared with
	inserts string
	columns bool // the inserted columns have merchant_id
	sets    bool // what is assigned is no comparison
}

func (p *parser) peek(i int) string {
	if p.at+i < len(p.all) && p.at+i >= 0 {
		return p.all[p.at+i]
	}
	return ""
}

// ends are words that are not the name that a table is given.
var ends = []string{"", "where", "set", "join", "left", "inner", "cross", "on", "using", "group", "order", "limit", "for", "returning", "values", "select", "(", ")", ",", "union", "with", "offset", "default", "full", "right", ";", "overriding", "having"}

func (p *parser) part(outer *part) {
	here := &part{outer: outer, tables: map[string]string{}, others: map[string]bool{}}
	from := false // whether a comma leads to another table
	for p.at < len(p.all) {
		t := p.peek(0)
		switch {
		case t == ")":
			p.close(here)
			return
		case t == "(":
			p.at++
			p.part(here)
			p.at++
			if from && (p.peek(0) == "as" || !slices.Contains(ends, p.peek(0))) && identifier(p.peek(0)) { // a sub-select's name
				if p.peek(0) == "as" {
					p.at++
				}
				here.others[p.peek(0)] = true
			}
			continue
		case t == "union" || t == "except" || t == "intersect": // the next is a part of its own
			p.close(here)
			here, from = &part{outer: outer, tables: map[string]string{}, others: map[string]bool{}}, false
		case t == "insert" && p.peek(1) == "into":
			p.at += 2
			here.inserts = p.peek(0)
			p.named(here, false)
			if p.peek(0) == "(" {
				for ; p.peek(0) != ")" && p.peek(0) != ""; p.at++ {
					here.columns = here.columns || p.peek(0) == "merchant_id"
				}
				p.at++
			}
			continue
		case t == "from" && p.peek(-1) != "distinct" && !p.inCall(), t == "join", t == "using" && p.peek(1) != "(", t == "update" && p.peek(-1) != "for" && p.peek(-1) != "key" && p.peek(-1) != "do":
			from = true
			p.at++
			for p.peek(0) == "only" || p.peek(0) == "lateral" {
				p.at++
			}
			if identifier(p.peek(0)) {
				p.named(here, true)
			}
			continue
		case t == "," && from:
			p.at++
			for p.peek(0) == "lateral" {
				p.at++
			}
			if identifier(p.peek(0)) {
				p.named(here, true)
			}
			continue
		case t == "set":
			from, here.sets = false, true
		case t == "where":
			from, here.sets = false, false
		case slices.Contains([]string{"on", "group", "order", "returning", "values", "limit", "select", "do"}, t):
			from = false
		case column(t) == "merchant_id" && !here.sets:
			p.compared(here, t)
		}
		p.at++
	}
	p.close(here)
}

// close ends a part.
func (p *parser) close(here *part) {
	if len(here.tables)+len(here.others) == 0 && here.inserts == "" && here.outer != nil { // an expression: it says something of the part that it stands in
		here.outer.equal = append(here.outer.equal, here.equal...)
		return
	}
	p.parts = append(p.parts, here)
}

// inCall is true inside of extract(epoch FROM x) and its like.
func (p *parser) inCall() bool {
	return p.at >= 3 && p.peek(-2) == "(" && slices.Contains([]string{"extract", "substring", "trim"}, p.peek(-3))
}

func identifier(t string) bool { return t != "" && (t[0] == '_' || t[0] >= 'a' && t[0] <= 'z') }

func column(t string) string { return t[strings.LastIndex(t, ".")+1:] }

// named takes a table and what it is called here.
func (p *parser) named(here *part, alias bool) {
	table := p.peek(0)
	name := table
	p.at++
	if p.peek(0) == "(" { // a function
		return
	}
	if p.peek(0) == "as" {
		p.at++
		name = p.peek(0)
		p.at++
	} else if alias && identifier(p.peek(0)) && !slices.Contains(ends, p.peek(0)) {
		name = p.peek(0)
		p.at++
	}
	if p.tenant(column(table)) && !p.ctes[table] {
		if alias {
			here.tables[name] = table
		} else {
			here.others[name] = true // what is inserted is judged by its columns
		}
		return
	}
	here.others[name] = true
}

// compared notes what a merchant_id is compared with.
func (p *parser) compared(here *part, t string) {
	of := strings.TrimSuffix(strings.TrimSuffix(t, "merchant_id"), ".")
	switch {
	case p.peek(1) == "=" && p.peek(2) == "any", p.peek(1) == "in":
		here.equal = append(here.equal, [2]string{of, "a value"})
	case p.peek(1) == "=":
		with := p.peek(2)
		if column(with) == "merchant_id" || column(with) == "id" && strings.Contains(with, ".") {
			with = with[:max(0, strings.LastIndex(with, "."))]
		} else {
			with = "a value"
		}
		here.equal = append(here.equal, [2]string{of, with})
	case p.peek(-1) == "=" && (p.peek(-2) == ")" || p.peek(-2)[0] == '$' || p.peek(-2)[0] == '\''):
		here.equal = append(here.equal, [2]string{of, "a value"})
	case p.peek(-1) == "(" && p.peek(1) == ",": // (merchant_id, id) = or IN: a row of values
		here.equal = append(here.equal, [2]string{of, p.rowWith()})
	}
}

// rowWith is what a row that begins with merchant_id is compared with: a value only after an equals sign or IN.
func (p *parser) rowWith() string {
	for i := p.at; i < len(p.all); i++ {
		if p.all[i] == ")" {
			if i+1 < len(p.all) && (p.all[i+1] == "=" || p.all[i+1] == "in") {
				return "a value"
			}
			break
		}
	}
	return "nothing"
}

// judge says which of a part's tables are not bound to a merchant.
func (p *parser) judge(here *part) {
	if here.inserts != "" && p.tenant(here.inserts) && !here.columns {
		p.wrong = append(p.wrong, "inserts into "+here.inserts+" without merchant_id")
	}
	bound := map[string]bool{"a value": true}
	for o := here; o != nil; o = o.outer { // what stands around it has been judged by itself, or is
		for name := range o.others {
			bound[name] = bound[name] || here.tables[name] == ""
		}
		if o != here {
			for name := range o.tables {
				bound[name] = bound[name] || here.tables[name] == ""
			}
		}
	}
	for range here.tables {
		for _, e := range here.equal {
			for i, of := range e {
				if of == "" && len(here.tables) == 1 {
					for name := range here.tables {
						of = name
					}
				}
				if other := e[1-i]; bound[other] && other != "" {
					bound[of] = true
				}
			}
		}
	}
	for name, table := range here.tables {
		if !bound[name] {
			p.wrong = append(p.wrong, table+" as "+name+" is not bound to a merchant")
		}
	}
}
