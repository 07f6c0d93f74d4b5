-- The ledger's tables, functions, triggers and grants (ledger.md, "PostgreSQL"). Runs as sekisho_owner, in one transaction.
-- Columns stand in the order that wastes no alignment: 8 bytes wide, 4 bytes wide, uuids, then what varies.

SET LOCAL search_path = sekisho_ledger, pg_temp;

CREATE TABLE ledger (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    origin text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    format integer NOT NULL
);
COMMENT ON TABLE ledger IS 'One row: which ledger this database holds.';

CREATE TABLE log (
    log_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition integer,
    year integer,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    origin text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('records', 'outcomes', 'acts', 'meta')),
    topic text,
    topic_id text,
    -- one log of a topic partition and year: a second writer that opens it fails
    UNIQUE NULLS NOT DISTINCT (kind, topic_id, partition, year)
);
COMMENT ON TABLE log IS 'Every Merkle log: its origin is the name in its checkpoints.';

CREATE TABLE log_head (
    log_id integer PRIMARY KEY REFERENCES log,
    closed boolean NOT NULL DEFAULT false,
    size bigint NOT NULL CHECK (size >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    last_offset bigint,
    last_at timestamptz,
    frontier bytea NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE log_head IS 'Where each log ends, and the roots of its perfect subtrees: the fence of its single writer.';

CREATE TABLE leaf (
    idx bigint NOT NULL CHECK (idx >= 0),
    koff bigint,
    log_id integer NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    leaf bytea NOT NULL CHECK (octet_length(leaf) BETWEEN 1 AND 65535),
    PRIMARY KEY (log_id, idx),
    UNIQUE (log_id, koff)
);
COMMENT ON TABLE leaf IS 'The leaves, without personal data: never changed, never deleted.';

CREATE TABLE hash_tile (
    n bigint NOT NULL CHECK (n >= 0),
    log_id integer NOT NULL REFERENCES log,
    level integer NOT NULL CHECK (level BETWEEN 0 AND 7),
    tile bytea NOT NULL CHECK (octet_length(tile) = 8192),
    PRIMARY KEY (log_id, level, n)
);
COMMENT ON TABLE hash_tile IS 'Full tiles of 256 hashes (C2SP tlog-tiles).';

CREATE TABLE checkpoint (
    size bigint NOT NULL CHECK (size >= 0),
    signed_at timestamptz NOT NULL,
    log_id integer NOT NULL REFERENCES log,
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    -- the same size again, later: when the signing key is changed, every log is signed by both keys, also those that do not grow
    PRIMARY KEY (log_id, size, signed_at)
);
CREATE INDEX checkpoint_signed_at ON checkpoint (signed_at);
COMMENT ON TABLE checkpoint IS 'Every checkpoint ever signed, as the signed note it is.';

CREATE TABLE payload (
    idx bigint NOT NULL,
    created_at timestamptz NOT NULL,
    log_id integer NOT NULL,
    shelf date NOT NULL,
    retain_until date,
    provided_on date,
    rid uuid NOT NULL,
    scope uuid,
    record_id uuid,
    decision_id uuid,
    kind text NOT NULL,
    direction text,
    basis text,
    method text,
    controller text,
    counterparty text,
    subject_hmac bytea,
    salt bytea NOT NULL,
    body bytea NOT NULL,
    -- a row on the wrong shelf would not be found when it is due
    CHECK (
        CASE
            WHEN retain_until IS NULL OR retain_until >= DATE '2200-01-01' THEN shelf = DATE '9999-12-01'
            ELSE retain_until >= shelf AND retain_until < shelf + 31
        END
    ),
    PRIMARY KEY (log_id, idx, shelf)
) PARTITION BY RANGE (shelf);
CREATE INDEX payload_subject ON payload (subject_hmac) WHERE subject_hmac IS NOT NULL;
CREATE INDEX payload_record ON payload (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX payload_scope ON payload (scope) WHERE scope IS NOT NULL;
CREATE INDEX payload_retain_until ON payload (retain_until);
COMMENT ON TABLE payload IS 'What leaves commit to: body and salt, deleted when their retention has ended. On the shelf of the month of retain_until.';

CREATE TABLE scope (
    scope uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key bytea NOT NULL UNIQUE
);
COMMENT ON TABLE scope IS 'The agreement or policy that retention goes by; the key is a keyed hash.';

CREATE TABLE extension (
    idx bigint NOT NULL,
    at timestamptz NOT NULL,
    target_idx bigint,
    log_id integer NOT NULL REFERENCES log,
    target_log integer,
    retain_until date,
    scope uuid,
    PRIMARY KEY (log_id, idx),
    CHECK ((scope IS NULL) <> (target_log IS NULL) AND (target_log IS NULL) = (target_idx IS NULL))
);
CREATE INDEX extension_scope ON extension (scope) WHERE scope IS NOT NULL;
CREATE INDEX extension_target ON extension (target_log, target_idx) WHERE target_log IS NOT NULL;
COMMENT ON TABLE extension IS 'What the extend leaves say, to be joined.';

CREATE TABLE hold (
    hold uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    selector jsonb NOT NULL
);
CREATE TABLE hold_cover (
    hold uuid NOT NULL REFERENCES hold,
    log_id integer NOT NULL REFERENCES log,
    idx bigint NOT NULL,
    PRIMARY KEY (hold, log_id, idx)
);
CREATE INDEX hold_cover_target ON hold_cover (log_id, idx);
CREATE TABLE hold_release (
    hold uuid PRIMARY KEY REFERENCES hold,
    log_id integer NOT NULL,
    idx bigint NOT NULL,
    at timestamptz NOT NULL,
    FOREIGN KEY (log_id, idx) REFERENCES leaf
);
COMMENT ON TABLE hold IS 'Legal holds; the selector names persons by keyed hash alone.';
COMMENT ON TABLE hold_cover IS 'Which leaves a hold keeps.';
COMMENT ON TABLE hold_release IS 'Holds that have ended, and the leaf that says so.';

CREATE TABLE purged (
    idx bigint NOT NULL,
    act_idx bigint NOT NULL,
    purged_at timestamptz NOT NULL,
    log_id integer NOT NULL,
    act_log integer NOT NULL,
    created_on date NOT NULL,
    disclosable boolean NOT NULL,
    direction text,
    subject_hmac bytea,
    -- who kept it: to the person its own controller alone tells of it
    controller text,
    PRIMARY KEY (log_id, idx),
    FOREIGN KEY (act_log, act_idx) REFERENCES leaf
);
CREATE INDEX purged_subject ON purged (subject_hmac) WHERE subject_hmac IS NOT NULL;
COMMENT ON TABLE purged IS 'What was deleted, and by which purge leaf: no payload goes without it.';

CREATE TABLE withholding (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    record_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('exclusion', 'ground')),
    ground text NOT NULL,
    part text[] NOT NULL,
    reason text NOT NULL,
    by text NOT NULL
);
CREATE INDEX withholding_record ON withholding (record_id);
COMMENT ON TABLE withholding IS 'Marks for disclosure: what is not shown to the person, on which ground.';

CREATE TABLE served (
    koff bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    partition integer NOT NULL,
    topic_id text NOT NULL,
    subject_hmac bytea NOT NULL,
    consent_hmac bytea NOT NULL,
    PRIMARY KEY (topic_id, partition, koff, consent_hmac)
);
CREATE INDEX served_consent ON served (subject_hmac, consent_hmac);
CREATE TABLE follow (
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    partition integer NOT NULL,
    topic_id text NOT NULL,
    PRIMARY KEY (topic_id, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE served IS 'Where the allowed decisions are that used a consent: found again when a policy is concluded.';
COMMENT ON TABLE follow IS 'How far the decisions are indexed.';

-- Append-only. SQLSTATE SK001 is ours: the store tells it from other errors.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'SK001',
        MESSAGE = format('%s on %s is refused: the ledger is append-only', TG_OP, TG_TABLE_NAME);
END $$;

CREATE FUNCTION check_purge() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> 'sekisho_purger' THEN
        RAISE EXCEPTION USING ERRCODE = 'SK001',
            MESSAGE = 'DELETE on payload is refused: only sekisho_purger deletes, what was purged by a leaf';
    END IF;
    IF NOT EXISTS (SELECT FROM sekisho_ledger.purged p WHERE p.log_id = OLD.log_id AND p.idx = OLD.idx) THEN
        RAISE EXCEPTION USING ERRCODE = 'SK001', MESSAGE = format(
            'DELETE on payload is refused: leaf %s of log %s has no row in purged', OLD.idx, OLD.log_id);
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION acts_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sekisho_ledger.log l WHERE l.log_id = NEW.log_id AND l.kind = 'acts') THEN
        RAISE EXCEPTION USING ERRCODE = 'SK001', MESSAGE = format(
            '%s on %s is refused: %s writes in acts logs alone', TG_OP, TG_TABLE_NAME, current_user);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION check_purged() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sekisho_ledger.leaf l WHERE l.log_id = NEW.log_id AND l.idx = NEW.idx)
       OR NOT EXISTS (SELECT FROM sekisho_ledger.log l WHERE l.log_id = NEW.act_log AND l.kind = 'acts') THEN
        RAISE EXCEPTION USING ERRCODE = 'SK001', MESSAGE = format(
            'INSERT on purged is refused: no leaf %s of log %s, or %s is no acts log', NEW.idx, NEW.log_id, NEW.act_log);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION check_head() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.log_id <> OLD.log_id OR OLD.closed OR NEW.size < OLD.size OR NEW.next_offset < OLD.next_offset
       OR NEW.last_offset < OLD.last_offset OR (NEW.last_offset IS NULL AND OLD.last_offset IS NOT NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'SK001', MESSAGE = format(
            'UPDATE on log_head is refused: log %s may only grow, and never after it was closed', OLD.log_id);
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION check_follow() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.topic_id <> OLD.topic_id OR NEW.partition <> OLD.partition OR NEW.next_offset < OLD.next_offset THEN
        RAISE EXCEPTION USING ERRCODE = 'SK001', MESSAGE = 'UPDATE on follow is refused: it only moves forward';
    END IF;
    RETURN NEW;
END $$;

-- Plain triggers are skipped under session_replication_role = replica: these are ENABLE ALWAYS. A TRUNCATE trigger of the
-- partitioned table does not fire for a partition: each gets one of its own (ensure_shelf).
-- Nothing fires BEFORE INSERT: such a trigger would make COPY insert row by row.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ledger', 'log', 'leaf', 'hash_tile', 'checkpoint', 'scope', 'extension', 'hold', 'hold_cover',
        'hold_release', 'purged', 'withholding', 'served']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['log_head', 'follow']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['leaf', 'payload', 'log', 'extension', 'log_head']
    LOOP
        EXECUTE format('CREATE TRIGGER acts_only AFTER INSERT ON %I FOR EACH ROW WHEN (current_user <> ''sekisho_writer'') '
            'EXECUTE FUNCTION acts_only()', name);
    END LOOP;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON payload FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER purge_only BEFORE DELETE ON payload FOR EACH ROW EXECUTE FUNCTION check_purge();
CREATE TRIGGER purge_leaf AFTER INSERT ON purged FOR EACH ROW EXECUTE FUNCTION check_purged();
CREATE TRIGGER forward_only BEFORE UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION check_head();
CREATE TRIGGER acts_only_update AFTER UPDATE ON log_head FOR EACH ROW WHEN (current_user <> 'sekisho_writer')
    EXECUTE FUNCTION acts_only();
CREATE TRIGGER forward_only BEFORE UPDATE ON follow FOR EACH ROW EXECUTE FUNCTION check_follow();

CREATE FUNCTION guard_table(target regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
BEGIN
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT '
        'EXECUTE FUNCTION sekisho_ledger.refuse_change()', target);
    FOR name IN SELECT t.tgname FROM pg_trigger t WHERE t.tgrelid = target AND NOT t.tgisinternal LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', target, name);
    END LOOP;
END $$;

CREATE FUNCTION make_shelf(name text, first date, next date) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- ATTACH lets others go on reading and writing; CREATE TABLE … PARTITION OF would lock them all out. Any deleted
    -- row makes vacuum come: what was purged leaves the pages within minutes, however large the month and few the rows.
    EXECUTE format('CREATE TABLE sekisho_ledger.%I (LIKE sekisho_ledger.payload INCLUDING DEFAULTS INCLUDING CONSTRAINTS) '
        'WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0)', name);
    EXECUTE format('ALTER TABLE sekisho_ledger.payload ATTACH PARTITION sekisho_ledger.%I FOR VALUES FROM (%L) TO (%L)',
        name, first, next);
    PERFORM sekisho_ledger.guard_table(format('sekisho_ledger.%I', name)::regclass);
END $$;

CREATE FUNCTION ensure_shelf(month date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text := 'payload_' || to_char(month, 'YYYY_MM');
BEGIN
    IF month IS NULL OR extract(day FROM month) <> 1 OR month NOT BETWEEN DATE '2000-01-01' AND DATE '2199-12-01' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'a shelf is the first day of a month of the years 2000 to 2199';
    END IF;
    IF to_regclass('sekisho_ledger.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(4849236501);
    -- not to_regclass again: an advisory lock does not tell this session's cache what another made meanwhile
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'sekisho_ledger'::regnamespace AND c.relname = name) THEN
        PERFORM sekisho_ledger.make_shelf(name, month, (month + interval '1 month')::date);
    END IF;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ledger', 'log', 'log_head', 'leaf', 'hash_tile', 'checkpoint', 'payload', 'scope', 'extension',
        'hold', 'hold_cover', 'hold_release', 'purged', 'withholding', 'served', 'follow']
    LOOP
        PERFORM guard_table(format('sekisho_ledger.%I', name)::regclass);
    END LOOP;
    PERFORM make_shelf('payload_open', DATE '9999-12-01', DATE '9999-12-02');
END $$;

REVOKE ALL ON FUNCTION ensure_shelf(date), make_shelf(text, date, date), guard_table(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_shelf(date) TO sekisho_writer;

GRANT USAGE ON SCHEMA sekisho_ledger TO sekisho_writer, sekisho_purger, sekisho_reader;
GRANT SELECT ON ledger, log, log_head, leaf, hash_tile, checkpoint, payload, scope, extension, hold, hold_cover, hold_release,
    purged, withholding, served, follow, alembic_version TO sekisho_writer, sekisho_purger, sekisho_reader;
GRANT INSERT ON ledger, log, log_head, leaf, hash_tile, checkpoint, payload, scope, extension, hold_cover, withholding, served,
    follow TO sekisho_writer;
GRANT UPDATE ON log_head, follow TO sekisho_writer;
GRANT INSERT ON log, log_head, leaf, payload, extension, hold, hold_cover, hold_release, purged, withholding TO sekisho_purger;
GRANT UPDATE ON log_head TO sekisho_purger;
GRANT DELETE ON payload TO sekisho_purger;
