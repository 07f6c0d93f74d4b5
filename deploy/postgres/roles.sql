-- The ledger's roles, for an administrator to make where the user in SEKISHO_DATABASE_URL may not create roles. Once for a server
-- and database; running it again changes nothing.
--
--   psql "ADMINISTRATOR'S URL OF THE LEDGER'S DATABASE" -v ON_ERROR_STOP=1 -v login=USER -f roles.sql
--
-- USER is the one in SEKISHO_DATABASE_URL; it must be there and should be no superuser (triggers do not stop one who can drop
-- them: `sekisho audit verify` finds what such a one did). Then `sekisho ledger migrate` makes the schema, tables and triggers.
--
-- One user may be a member of all four, as below. To keep duties apart, give the service, the operator who purges and the auditor users
-- of their own: sekisho_writer for `sekisho ledger`, sekisho_purger for `sekisho audit purge|hold|extend|withhold`, sekisho_reader
-- for `sekisho audit verify|export|records|disclose`, sekisho_owner for migrations alone.

SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY['sekisho_owner', 'sekisho_writer', 'sekisho_purger', 'sekisho_reader']) t (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

GRANT sekisho_owner, sekisho_writer, sekisho_purger, sekisho_reader TO :"login";

SELECT format('GRANT CONNECT, CREATE ON DATABASE %I TO %I', current_database(), :'login')
\gexec
