-- The role that Waybill works as, and a login that owns nothing and has its limits of time, for a pooler. May be run again; the password is
-- then set anew. Run by the owner's administrator, with the password in SERVE_PASSWORD.
\getenv serve_password SERVE_PASSWORD
\if :{?serve_password}
\else
    \warn 'set SERVE_PASSWORD'
    SELECT 1 / 0;
\endif
SELECT 'CREATE ROLE waybill_app NOLOGIN' WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'waybill_app') \gexec
SELECT 'CREATE ROLE waybill_serve LOGIN' WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'waybill_serve') \gexec
GRANT waybill_app TO waybill_serve;
ALTER ROLE waybill_serve PASSWORD :'serve_password';
ALTER ROLE waybill_serve SET statement_timeout = '30s';
ALTER ROLE waybill_serve SET lock_timeout = '5s';
ALTER ROLE waybill_serve SET idle_in_transaction_session_timeout = '15s';
