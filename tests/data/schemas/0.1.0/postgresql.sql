CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.allocations (
    job_id text NOT NULL,
    number integer NOT NULL,
    cluster text NOT NULL,
    slots text NOT NULL,
    created_at double precision NOT NULL,
    state text NOT NULL
);
CREATE TABLE public.attempts (
    job_id text NOT NULL,
    number integer NOT NULL,
    allocation integer NOT NULL,
    granted_at double precision NOT NULL,
    resume_step bigint,
    resume_checkpoint bigint,
    started_at double precision,
    ended_at double precision,
    stopping text,
    stopping_since double precision,
    force boolean NOT NULL,
    verdict text
);
CREATE TABLE public.awaited (
    job_id text NOT NULL,
    other text NOT NULL,
    success boolean NOT NULL
);
CREATE TABLE public.batches (
    id bigint NOT NULL,
    job_id text NOT NULL,
    series_id bigint NOT NULL,
    attempt integer NOT NULL,
    data bytea NOT NULL
);
CREATE SEQUENCE public.batches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.batches_id_seq OWNED BY public.batches.id;
CREATE TABLE public.checkpoint_parts (
    job_id text NOT NULL,
    attempt integer NOT NULL,
    step bigint NOT NULL,
    rank integer NOT NULL,
    world_size integer NOT NULL,
    manifest text NOT NULL
);
CREATE TABLE public.checkpoints (
    id bigint NOT NULL,
    job_id text NOT NULL,
    attempt integer NOT NULL,
    step bigint NOT NULL,
    rank integer NOT NULL,
    manifest text NOT NULL,
    size bigint NOT NULL,
    created_at double precision NOT NULL,
    pruned boolean NOT NULL
);
CREATE SEQUENCE public.checkpoints_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.checkpoints_id_seq OWNED BY public.checkpoints.id;
CREATE TABLE public.clusters (
    name text NOT NULL,
    kind text NOT NULL,
    fence bigint NOT NULL,
    session_host text NOT NULL,
    ray_version text NOT NULL,
    last_seen double precision NOT NULL,
    nodes text NOT NULL
);
CREATE TABLE public.events (
    id bigint NOT NULL,
    job_id text NOT NULL,
    "time" double precision NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    attempt integer
);
CREATE SEQUENCE public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_id_seq OWNED BY public.events.id;
CREATE TABLE public.expired (
    job_id text NOT NULL,
    kind text NOT NULL,
    at double precision NOT NULL,
    size bigint NOT NULL
);
CREATE TABLE public.generations (
    job_id text NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    points bigint NOT NULL
);
CREATE TABLE public.jobs (
    id text NOT NULL,
    random_part text NOT NULL,
    idempotency_key text,
    name text NOT NULL,
    project text NOT NULL,
    priority bigint NOT NULL,
    cluster text NOT NULL,
    spec text NOT NULL,
    code text NOT NULL,
    resources text NOT NULL,
    policy text NOT NULL,
    submitted_at double precision NOT NULL,
    "user" text NOT NULL,
    state text NOT NULL,
    queued_at double precision NOT NULL,
    ended_at double precision,
    newest_allocation integer,
    newest_attempt integer,
    failures integer NOT NULL,
    fruitless integer NOT NULL,
    not_before double precision NOT NULL,
    reason text NOT NULL,
    revision bigint NOT NULL,
    from_checkpoint bigint,
    from_step bigint,
    held_at double precision,
    after text DEFAULT '[]'::text NOT NULL,
    array_id text,
    array_index bigint,
    array_count integer,
    array_limit integer,
    array_waits boolean DEFAULT false NOT NULL,
    kept_back_s double precision DEFAULT '0'::double precision NOT NULL
);
CREATE TABLE public.logs (
    job_id text NOT NULL,
    attempt integer NOT NULL,
    rank integer NOT NULL,
    stream text NOT NULL,
    length bigint NOT NULL,
    gaps text,
    missing bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    job_id text NOT NULL,
    message_id text NOT NULL,
    kind text NOT NULL,
    url text NOT NULL,
    url_secret text NOT NULL,
    body text NOT NULL,
    created_at double precision NOT NULL,
    tries integer NOT NULL,
    next_at double precision,
    delivered_at double precision,
    problem text NOT NULL
);
CREATE SEQUENCE public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_id_seq OWNED BY public.outbox.id;
CREATE TABLE public.outputs (
    job_id text NOT NULL,
    rank integer NOT NULL,
    path text NOT NULL,
    attempt integer NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    mode integer NOT NULL,
    collected_at double precision NOT NULL
);
CREATE TABLE public.projects (
    name text NOT NULL,
    weight double precision NOT NULL,
    gpus double precision,
    cpus double precision,
    running bigint,
    queued bigint
);
CREATE TABLE public.retention (
    project text NOT NULL,
    kind text NOT NULL,
    value double precision
);
CREATE TABLE public.sample_batches (
    id bigint NOT NULL,
    job_id text NOT NULL,
    series_id bigint NOT NULL,
    attempt integer NOT NULL,
    data bytea NOT NULL
);
CREATE SEQUENCE public.sample_batches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sample_batches_id_seq OWNED BY public.sample_batches.id;
CREATE TABLE public.sample_series (
    id bigint NOT NULL,
    job_id text NOT NULL,
    name text NOT NULL,
    rank integer NOT NULL,
    count bigint NOT NULL,
    first_at double precision NOT NULL,
    attempt integer NOT NULL,
    last_at double precision NOT NULL,
    last_value double precision NOT NULL,
    sum double precision NOT NULL,
    highest double precision NOT NULL,
    tail bytea NOT NULL
);
CREATE SEQUENCE public.sample_series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sample_series_id_seq OWNED BY public.sample_series.id;
CREATE TABLE public.sampled (
    job_id text NOT NULL,
    attempt integer NOT NULL,
    rank integer NOT NULL,
    length bigint NOT NULL,
    unreadable bigint NOT NULL,
    rest bytea NOT NULL
);
CREATE TABLE public.secrets (
    project text NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,
    "user" text NOT NULL,
    set_at double precision NOT NULL
);
CREATE TABLE public.series (
    id bigint NOT NULL,
    job_id text NOT NULL,
    rank integer NOT NULL,
    name text NOT NULL,
    count bigint NOT NULL,
    first_step bigint NOT NULL,
    last_attempt integer NOT NULL,
    last_step bigint NOT NULL,
    last_value double precision
);
CREATE SEQUENCE public.series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.series_id_seq OWNED BY public.series.id;
CREATE TABLE public.server (
    id text NOT NULL,
    secret bytea NOT NULL
);
CREATE TABLE public.spools (
    job_id text NOT NULL,
    attempt integer NOT NULL,
    rank integer NOT NULL,
    length bigint NOT NULL,
    records bigint NOT NULL,
    unreadable bigint NOT NULL,
    first_step bigint,
    first_at double precision,
    step bigint,
    total_steps bigint,
    last_at double precision,
    rest bytea NOT NULL,
    stream text DEFAULT 'spool'::text NOT NULL
);
CREATE TABLE public.stragglers (
    job_id text NOT NULL,
    attempt integer NOT NULL,
    rank integer NOT NULL,
    node text NOT NULL,
    factor double precision NOT NULL,
    step bigint NOT NULL,
    since double precision NOT NULL
);
CREATE TABLE public.unread (
    id bigint NOT NULL,
    job_id text NOT NULL,
    attempt integer NOT NULL,
    rank integer NOT NULL,
    lines bytea NOT NULL
);
CREATE SEQUENCE public.unread_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.unread_id_seq OWNED BY public.unread.id;
CREATE TABLE public.usage (
    project text NOT NULL,
    "user" text NOT NULL,
    gpu_s double precision NOT NULL,
    cpu_s double precision NOT NULL,
    at double precision NOT NULL
);
ALTER TABLE ONLY public.batches ALTER COLUMN id SET DEFAULT nextval('public.batches_id_seq'::regclass);
ALTER TABLE ONLY public.checkpoints ALTER COLUMN id SET DEFAULT nextval('public.checkpoints_id_seq'::regclass);
ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);
ALTER TABLE ONLY public.outbox ALTER COLUMN id SET DEFAULT nextval('public.outbox_id_seq'::regclass);
ALTER TABLE ONLY public.sample_batches ALTER COLUMN id SET DEFAULT nextval('public.sample_batches_id_seq'::regclass);
ALTER TABLE ONLY public.sample_series ALTER COLUMN id SET DEFAULT nextval('public.sample_series_id_seq'::regclass);
ALTER TABLE ONLY public.series ALTER COLUMN id SET DEFAULT nextval('public.series_id_seq'::regclass);
ALTER TABLE ONLY public.unread ALTER COLUMN id SET DEFAULT nextval('public.unread_id_seq'::regclass);
INSERT INTO public.alembic_version (version_num) VALUES ('0011');
INSERT INTO public.allocations (job_id, number, cluster, slots, created_at, state) VALUES ('digits-k3m9ap', 1, 'gpu', '[{"index":0,"node_id":"n1","ranks":1,"replicas":1,"address":"10.0.0.1:7000","quiet":1,"closed":"","lost":null,"set_up":0,"set_up_at":0.0,"notes":0},{"index":1,"node_id":"n2","ranks":1,"replicas":1,"address":"","quiet":0,"closed":"told","lost":null,"set_up":0,"set_up_at":0.0,"notes":0}]', 1780000001, 'GONE');
INSERT INTO public.allocations (job_id, number, cluster, slots, created_at, state) VALUES ('größe-77abcd', 2, 'gpu', '[{"index":0,"node_id":"n1","ranks":1,"replicas":1,"address":"10.0.0.1:7000","quiet":1,"closed":"","lost":null,"set_up":0,"set_up_at":0.0,"notes":0}]', 1780000100, 'WANTED');
INSERT INTO public.attempts (job_id, number, allocation, granted_at, resume_step, resume_checkpoint, started_at, ended_at, stopping, stopping_since, force, verdict) VALUES ('digits-k3m9ap', 1, 1, 1780000001, NULL, NULL, 1780000002, 1780000090, NULL, NULL, false, '{"ending":"FINISHED","words":"all ranks exited with 0","first_failing":null,"exits":[{"rank":0,"code":0,"stopped":false,"after_s":0.0,"reported":false,"finished":true,"oom":false,"tail":"ready\n","error":"","peak_memory":0},{"rank":1,"code":0,"stopped":false,"after_s":0.0,"reported":false,"finished":false,"oom":false,"tail":"","error":"","peak_memory":0}],"began":false}');
INSERT INTO public.attempts (job_id, number, allocation, granted_at, resume_step, resume_checkpoint, started_at, ended_at, stopping, stopping_since, force, verdict) VALUES ('größe-77abcd', 2, 2, 1780000101, 40, 1, 1780000103, NULL, NULL, NULL, false, NULL);
INSERT INTO public.awaited (job_id, other, success) VALUES ('later-p2q2p2', 'digits-k3m9ap', true);
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (573, 'digits-k3m9ap', 1, 1, '\x003c020000000000004de415fbe6975c3f000000cf2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (574, 'digits-k3m9ap', 1, 1, '\x003d02000000000000428afb5a268b5c3f000040cf2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (575, 'digits-k3m9ap', 1, 1, '\x003e0200000000000095ced015717e5c3f000080cf2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (576, 'digits-k3m9ap', 1, 1, '\x003f020000000000001cc7711cc7715c3f0000c0cf2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (577, 'digits-k3m9ap', 1, 1, '\x0040020000000000004368d55f28655c3f000000d02986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (578, 'digits-k3m9ap', 1, 1, '\x00410200000000000086490dd194585c3f000040d02986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (579, 'digits-k3m9ap', 1, 1, '\x0042020000000000008e6a45610c4c5c3f000080d02986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (580, 'digits-k3m9ap', 1, 1, '\x004302000000000000f0f8c3018f3f5c3f0000c0d02986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (581, 'digits-k3m9ap', 1, 1, '\x0044020000000000007916e9a31c335c3f000000d12986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (582, 'digits-k3m9ap', 1, 1, '\x0045020000000000001ca02e39b5265c3f000040d12986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (583, 'digits-k3m9ap', 1, 1, '\x00460200000000000076f527b3581a5c3f000080d12986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (584, 'digits-k3m9ap', 1, 1, '\x004702000000000000e0c08103070e5c3f0000c0d12986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (585, 'digits-k3m9ap', 1, 1, '\x0048020000000000001cc0011cc0015c3f000000d22986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (586, 'digits-k3m9ap', 1, 1, '\x0049020000000000008b8d86ee83f55b3f000040d22986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (587, 'digits-k3m9ap', 1, 1, '\x004a02000000000000fa69076d52e95b3f000080d22986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (588, 'digits-k3m9ap', 1, 1, '\x004b02000000000000f70694892bdd5b3f0000c0d22986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (589, 'digits-k3m9ap', 1, 1, '\x004c02000000000000b65154360fd15b3f000000d32986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (590, 'digits-k3m9ap', 1, 1, '\x004d020000000000007b3e8865fdc45b3f000040d32986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (591, 'digits-k3m9ap', 1, 1, '\x004e0200000000000093948709f6b85b3f000080d32986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (592, 'digits-k3m9ap', 1, 1, '\x004f02000000000000d0bac114f9ac5b3f0000c0d32986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (593, 'digits-k3m9ap', 1, 1, '\x0050020000000000008884bd7906a15b3f000000d42986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (594, 'digits-k3m9ap', 1, 1, '\x00510200000000000023ff182b1e955b3f000040d42986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (595, 'digits-k3m9ap', 1, 1, '\x0052020000000000001c40891b40895b3f000080d42986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (596, 'digits-k3m9ap', 1, 1, '\x0053020000000000008b33da3d6c7d5b3f0000c0d42986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (597, 'digits-k3m9ap', 1, 1, '\x005402000000000000346bee84a2715b3f000000d52986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (598, 'digits-k3m9ap', 1, 1, '\x00550200000000000005eebee3e2655b3f000040d52986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (599, 'digits-k3m9ap', 1, 1, '\x0056020000000000001f085b4d2d5a5b3f000080d52986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (600, 'digits-k3m9ap', 1, 1, '\x0057020000000000004f1be8b4814e5b3f0000c0d52986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (601, 'digits-k3m9ap', 1, 1, '\x0058020000000000000770a10de0425b3f000000d62986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (602, 'digits-k3m9ap', 1, 1, '\x005902000000000000ce06d84a48375b3f000040d62986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (603, 'digits-k3m9ap', 1, 1, '\x005a02000000000000236af25fba2b5b3f000080d62986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (604, 'digits-k3m9ap', 1, 1, '\x005b02000000000000d9806c4036205b3f0000c0d62986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (605, 'digits-k3m9ap', 1, 1, '\x005c02000000000000e660d7dfbb145b3f000000d72986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (606, 'digits-k3m9ap', 1, 1, '\x005d02000000000000a422d9314b095b3f000040d72986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (607, 'digits-k3m9ap', 1, 1, '\x005e0200000000000082b42c2ae4fd5a3f000080d72986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (608, 'digits-k3m9ap', 1, 1, '\x005f0200000000000028afa1bc86f25a3f0000c0d72986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (609, 'digits-k3m9ap', 1, 1, '\x006002000000000000092a1cdd32e75a3f000000d82986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (610, 'digits-k3m9ap', 1, 1, '\x0061020000000000005e90947fe8db5a3f000040d82986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (611, 'digits-k3m9ap', 1, 1, '\x00620200000000000093761798a7d05a3f000080d82986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (612, 'digits-k3m9ap', 1, 1, '\x0063020000000000001b70c51a70c55a3f0000c0d82986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (613, 'digits-k3m9ap', 1, 1, '\x006402000000000000b1e5d2fb41ba5a3f000000d92986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (614, 'digits-k3m9ap', 1, 1, '\x006502000000000000fdeb872f1daf5a3f000040d92986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (615, 'digits-k3m9ap', 1, 1, '\x006602000000000000a41a40aa01a45a3f000080d92986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (616, 'digits-k3m9ap', 1, 1, '\x006702000000000000be636a60ef985a3f0000c0d92986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (617, 'digits-k3m9ap', 1, 1, '\x006802000000000000abeb8846e68d5a3f000000da2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (618, 'digits-k3m9ap', 1, 1, '\x00690200000000000059e13051e6825a3f000040da2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (619, 'digits-k3m9ap', 1, 1, '\x006a02000000000000da560a75ef775a3f000080da2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (620, 'digits-k3m9ap', 1, 1, '\x006b020000000000006d1ad0a6016d5a3f0000c0da2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (621, 'digits-k3m9ap', 1, 1, '\x006c02000000000000df8f4fdb1c625a3f000000db2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (622, 'digits-k3m9ap', 1, 1, '\x006d020000000000004a8a680741575a3f000040db2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (623, 'digits-k3m9ap', 1, 1, '\x006e0200000000000037260d206e4c5a3f000080db2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (624, 'digits-k3m9ap', 1, 1, '\x006f020000000000001aa4411aa4415a3f0000c0db2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (625, 'digits-k3m9ap', 1, 1, '\x0070020000000000002d431cebe2365a3f000000dc2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (626, 'digits-k3m9ap', 1, 1, '\x007102000000000000a01cc5872a2c5a3f000040dc2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (627, 'digits-k3m9ap', 1, 1, '\x0072020000000000002fff75e57a215a3f000080dc2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (628, 'digits-k3m9ap', 1, 1, '\x007302000000000000024b7af9d3165a3f0000c0dc2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (629, 'digits-k3m9ap', 1, 1, '\x007402000000000000f1cd2eb9350c5a3f000000dd2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (630, 'digits-k3m9ap', 1, 1, '\x0075020000000000001aa0011aa0015a3f000040dd2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (631, 'digits-k3m9ap', 1, 1, '\x007602000000000000d000721113f7593f000080dd2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (632, 'digits-k3m9ap', 1, 1, '\x007702000000000000d93310958eec593f0000c0dd2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (633, 'digits-k3m9ap', 1, 1, '\x0078020000000000000a5f7d9a12e2593f000000de2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (634, 'digits-k3m9ap', 1, 1, '\x0079020000000000002d686b179fd7593f000040de2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (635, 'digits-k3m9ap', 1, 1, '\x007a0200000000000040d39c0134cd593f000080de2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (636, 'digits-k3m9ap', 1, 1, '\x007b0200000000000002a1e44ed1c2593f0000c0de2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (637, 'digits-k3m9ap', 1, 1, '\x007c02000000000000d12d26f576b8593f000000df2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (638, 'digits-k3m9ap', 1, 1, '\x007d02000000000000da1055ea24ae593f000040df2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (639, 'digits-k3m9ap', 1, 1, '\x007e0200000000000098fb7424dba3593f000080df2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (640, 'digits-k3m9ap', 1, 1, '\x007f020000000000009a9999999999593f0000c0df2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (641, 'digits-k3m9ap', 1, 1, '\x008002000000000000a070e63f608f593f000000e02986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (642, 'digits-k3m9ap', 1, 1, '\x008102000000000000ffc08e0d2f85593f000040e02986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (643, 'digits-k3m9ap', 1, 1, '\x0082020000000000005266d5f8057b593f000080e02986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (644, 'digits-k3m9ap', 1, 1, '\x00830200000000000072b80cf8e470593f0000c0e02986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (645, 'digits-k3m9ap', 1, 1, '\x008402000000000000c06c9601cc66593f000000e12986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (646, 'digits-k3m9ap', 1, 1, '\x008502000000000000ae77e30bbb5c593f000040e12986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (647, 'digits-k3m9ap', 1, 1, '\x00860200000000000097ee730db252593f000080e12986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (648, 'digits-k3m9ap', 1, 1, '\x008702000000000000e0e9d6fcb048593f0000c0e12986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (649, 'digits-k3m9ap', 1, 1, '\x0088020000000000005967aad0b73e593f000000e22986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (650, 'digits-k3m9ap', 1, 1, '\x008902000000000000e62c9b7fc634593f000040e22986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (651, 'digits-k3m9ap', 1, 1, '\x008a0200000000000074ab6400dd2a593f000080e22986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (652, 'digits-k3m9ap', 1, 1, '\x008b0200000000000029e2d049fb20593f0000c0e22986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (653, 'digits-k3m9ap', 1, 1, '\x008c02000000000000dd41b8522117593f000000e32986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (654, 'digits-k3m9ap', 1, 1, '\x008d02000000000000d59001124f0d593f000040e32986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (655, 'digits-k3m9ap', 1, 1, '\x008e02000000000000c1cea17e8403593f000080e32986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (656, 'digits-k3m9ap', 1, 1, '\x008f02000000000000fa189c8fc1f9583f0000c0e32986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (657, 'digits-k3m9ap', 1, 1, '\x009002000000000000008f013c06f0583f000000e42986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (658, 'digits-k3m9ap', 1, 1, '\x0091020000000000003f37f17a52e6583f000040e42986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (659, 'digits-k3m9ap', 1, 1, '\x00920200000000000008e49743a6dc583f000080e42986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (660, 'digits-k3m9ap', 1, 1, '\x009302000000000000d318308d01d3583f0000c0e42986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (661, 'digits-k3m9ap', 1, 1, '\x009402000000000000bcef014f64c9583f000000e52986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (662, 'digits-k3m9ap', 1, 1, '\x0095020000000000003aff6280cebf583f000040e52986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (663, 'digits-k3m9ap', 1, 1, '\x0096020000000000001940b61840b6583f000080e52986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (664, 'digits-k3m9ap', 1, 1, '\x009702000000000000aaf36b0fb9ac583f0000c0e52986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (665, 'digits-k3m9ap', 1, 1, '\x009802000000000000348a015c39a3583f000000e62986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (666, 'digits-k3m9ap', 1, 1, '\x0099020000000000009c8901f6c099583f000040e62986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (667, 'digits-k3m9ap', 1, 1, '\x009a020000000000004b7403d54f90583f000080e62986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (668, 'digits-k3m9ap', 1, 1, '\x009b020000000000004ab0abf0e586583f0000c0e62986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (669, 'digits-k3m9ap', 1, 1, '\x009c02000000000000976eab40837d583f000000e72986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (670, 'digits-k3m9ap', 1, 1, '\x009d02000000000000b992c0bc2774583f000040e72986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (671, 'digits-k3m9ap', 1, 1, '\x009e02000000000000849ab55cd36a583f000080e72986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (672, 'digits-k3m9ap', 1, 1, '\x009f02000000000000188661188661583f0000c0e72986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (673, 'digits-k3m9ap', 1, 1, '\x00a00200000000000018c0a7e73f58583f000000e82986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (674, 'digits-k3m9ap', 1, 1, '\x00a102000000000000140678c2004f583f000040e82986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (675, 'digits-k3m9ap', 1, 1, '\x00a2020000000000002951cea0c845583f000080e82986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (676, 'digits-k3m9ap', 1, 1, '\x00a302000000000000ddbeb27a973c583f0000c0e82986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (677, 'digits-k3m9ap', 1, 1, '\x00a402000000000000247a39486d33583f000000e92986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (678, 'digits-k3m9ap', 1, 1, '\x00a502000000000000a0a482014a2a583f000040e92986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (679, 'digits-k3m9ap', 1, 1, '\x00a6020000000000001840ba9e2d21583f000080e92986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (680, 'digits-k3m9ap', 1, 1, '\x00a702000000000000181818181818583f0000c0e92986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (681, 'digits-k3m9ap', 1, 1, '\x00a802000000000000cbabdf65090f583f000000ea2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (682, 'digits-k3m9ap', 1, 1, '\x00a902000000000000061860800106583f000040ea2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (683, 'digits-k3m9ap', 1, 1, '\x00aa020000000000008001f45f00fd573f000080ea2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (684, 'digits-k3m9ap', 1, 1, '\x00ab02000000000000407f01fd05f4573f0000c0ea2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (685, 'digits-k3m9ap', 1, 1, '\x00ac020000000000003b05fa4f12eb573f000000eb2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (686, 'digits-k3m9ap', 1, 1, '\x00ad020000000000001d4f5a5125e2573f000040eb2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (687, 'digits-k3m9ap', 1, 1, '\x00ae02000000000000464baaf93ed9573f000080eb2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (688, 'digits-k3m9ap', 1, 1, '\x00af02000000000000f4057d415fd0573f0000c0eb2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (689, 'digits-k3m9ap', 1, 1, '\x00b0020000000000009f94702186c7573f000000ec2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (690, 'digits-k3m9ap', 1, 1, '\x00b1020000000000007c012e92b3be573f000040ec2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (691, 'digits-k3m9ap', 1, 1, '\x00b2020000000000003337698ce7b5573f000080ec2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (692, 'digits-k3m9ap', 1, 1, '\x00b302000000000000c3ece00822ad573f0000c0ec2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (693, 'digits-k3m9ap', 1, 1, '\x00b4020000000000008c915e0063a4573f000000ed2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (694, 'digits-k3m9ap', 1, 1, '\x00b5020000000000008b39b66baa9b573f000040ed2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (695, 'digits-k3m9ap', 1, 1, '\x00b602000000000000c389c643f892573f000080ed2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (696, 'digits-k3m9ap', 1, 1, '\x00b702000000000000c8a478814c8a573f0000c0ed2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (697, 'digits-k3m9ap', 1, 1, '\x00b8020000000000008217c01da781573f000000ee2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (698, 'digits-k3m9ap', 1, 1, '\x00b9020000000000000dc69a110879573f000040ee2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (699, 'digits-k3m9ap', 1, 1, '\x00ba02000000000000d0d810566f70573f000080ee2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (700, 'digits-k3m9ap', 1, 1, '\x00bb02000000000000b1a934e4dc67573f0000c0ee2986da41');
INSERT INTO public.batches (id, job_id, series_id, attempt, data) VALUES (572, 'digits-k3m9ap', 1, 1, '\x033c020000011000000001100000000100000000000000010000000000000001000000000000000000000000000000023c020000011000000000e0110000111000000000000000000000000100000000000000000000000000f03f000000000000e03f555555555555d53f000000000000d03f9a9999999999c93f555555555555c53f922449922449c23f000000000000c03f1cc7711cc771bc3f9a9999999999b93f46175d74d145b73f555555555555b53f143bb1133bb1b33f922449922449b23f111111111111b13f000000000000b03f1e1e1e1e1e1eae3f1cc7711cc771ac3f28afa1bc86f2aa3f9a9999999999a93f188661188661a83f46175d74d145a73f64210b59c842a63f555555555555a53f7b14ae47e17aa43f143bb1133bb1a33f682fa1bd84f6a23f922449922449a23f967b1a61b9a7a13f111111111111a13f841042082184a03f000000000000a03f081f7cf0c1079f3f1e1e1e1e1e1e9e3f1dd4411dd4419d3f1cc7711cc7719c3fd0bac114f9ac9b3f28afa1bc86f29a3f1aa4411aa4419a3f9a9999999999993ffa189c8fc1f9983f188661188661983ff4057d415fd0973f46175d74d145973f176cc1166cc1963f64210b59c842963f5710932b88c9953f555555555555953f39052fa7e0e5943f7b14ae47e17a943f141414141414943f143bb1133bb1933fc1782bfb1c52933f682fa1bd84f6923f9e12e429419e923f922449922449923f701fc17d04f7913f967b1a61b9a7913f0d27755f1e5b913f111111111111913f3bdabc4f71c9903f841042082184903f100441100441903f000000000000903f20f8811ff8818f3f081f7cf0c1078f3f67b7f0ab31918e3f1e1e1e1e1e1e8e3fdb81b97660ae8d3f1dd4411dd4418d3f0b9b038956d88c3f1cc7711cc7718c3fe0c08103070e8c3fd0bac114f9ac8b3f4f1be8b4814e8b3f28afa1bc86f28a3fbe636a60ef988a3f1aa4411aa4418a3fd93310958eec893f9a9999999999893fe0e9d6fcb048893ffa189c8fc1f9883faaf36b0fb9ac883f188661188661883f181818181818883ff4057d415fd0873fc8a478814c8a873f46175d74d145873f70810b5ce002873f176cc1166cc1863f176881166881863f64210b59c842863f061658608105863f5710932b88c9853fed588130d28e853f555555555555853f15f8e2ea071d853f39052fa7e0e5843f5bbf52a0d6af843f7b14ae47e17a843ffbd96265f846843f141414141414843f02a9e4bc2ce2833f143bb1133bb1833f143881133881833fc1782bfb1c52833fbf102b4ae323833f682fa1bd84f6823fa02c814dfbc9823f9e12e429419e823f352781b85073823f922449922449823f78fb2181b71f823f701fc17d04f7813f1d81a2ad06cf813f967b1a61b9a7813f121881111881813f0d27755f1e5b813f11c83511c835813f111111111111813f909ce66bf5ec803f3bdabc4f71c9803fa710680a81a6803f841042082184803ffca9f1d24d62803f100441100441803f080402814020803f000000000000803ff007fc017fc07f3f20f8811ff8817f3f71424a9e65447f3f081f7cf0c1077f3fc0ec01b307cc7e3f67b7f0ab31917e3f74e501c93a577e3f1e1e1e1e1e1e7e3f8a86f8e3d6e57d3fdb81b97660ae7d3f342cb854b6777d3f1dd4411dd4417d3f74c06e8fb50c7d3f0b9b038956d87c3f91e15e05b3a47c3f1cc7711cc7717c3ff0f8c3018f3f7c3fe0c08103070e7c3ff70694892bdd7b3fd0bac114f9ac7b3f8b33da3d6c7d7b3f4f1be8b4814e7b3fd9806c4036207b3f28afa1bc86f27a3f1b70c51a70c57a3fbe636a60ef987a3f6d1ad0a6016d7a3f1aa4411aa4417a3f024b7af9d3167a3fd93310958eec793f02a1e44ed1c2793f9a9999999999793f72b80cf8e470793fe0e9d6fcb048793f29e2d049fb20793ffa189c8fc1f9783fd318308d01d3783faaf36b0fb9ac783f4ab0abf0e586783f188661188661783fddbeb27a973c783f181818181818783f407f01fd05f4773ff4057d415fd0773fc3ece00822ad773fc8a478814c8a773fb1a934e4dc67773f46175d74d145773fbcde467f2824773f70810b5ce002773fc737436bf7e1763f176cc1166cc1763f907253d13ca1763f176881166881763ff922516aec61763f64210b59c842763f40620177fa23763f061658608105763fe715d0b85be7753f5710932b88c9753fc05a016b05ac753fed588130d28e753f3a6b503ced71753f555555555555753feb0ff4480939753f15f8e2ea071d753f155001155001753f39052fa7e0e5743f6eaf2587b8ca743f5bbf52a0d6af743f67d0b2e33995743f7b14ae47e17a743f9acff5c7cb60743ffbd96265f846743f871fd525662d743f141414141414743ffb13b03f01fb733f02a9e4bc2ce2733fe7ab7ba495c9733f143bb1133bb1733f637f182c1c99733f143881133881733f4807def38d69733fc1782bfb1c52733fb2bc575be43a733fbf102b4ae323733f90d13001190d733f682fa1bd84f6723f97804bc025e0723fa02c814dfbc9723f402b01ad04b4723f9e12e429419e723f13b08812b088723f352781b85073723ff1928070225e723f922449922449723fdfbc9a785634723f78fb2181b71f723fd9c0670c470b723f701fc17d04f7713f74b83f3befe2713f1d81a2ad06cf713f29ed46404abb713f967b1a61b9a7713f9ca28c805394713f121881111881713f79734289066e713f0d27755f1e5b713f3bcd0a0e5f48713f11c83511c835713f33305de75823713f111111111111713f11f0fe10f0fe703f909ce66bf5ec703f96468fa820db703f3bdabc4f71c9703fc89d25ece6b7703fa710680a81a6703f540901393f95703f841042082184703fc6f7470a2673703ffca9f1d24d62703f0434d7f79751703f100441100441703f1a5e1fb59130703f080402814020703f101010101010703f000000000000703f20e01fe01fe06f3ff007fc017fc06f3f12fa01aa1ca16f3f20f8811ff8816f3fb5dba0ac10636f3f71424a9e65446f3fb50a2344f6256f3f081f7cf0c1076f3f028e45f8c7e96e3fc0ec01b307cc6e3feb01ba7a80ae6e3f67b7f0ab31916e3fe45097a51a746e3f74e501c93a576e3f731adc79913a6e3f1e1e1e1e1e1e6e3f1ee0011ee0016e3f8a86f8e3d6e56d3fca1da0dc01ca6d3fdb81b97660ae6d3f8a7f1e23f2926d3f342cb854b6776d3fb2727580ac5c6d3f1dd4411dd4416d3f1a5bfca32c276d3f74c06e8fb50c6d3fc6bf445c6ef26c3f0b9b038956d86c3fe7cb01966dbe6c3f91e15e05b3a46c3f428afb5a268b6c3f1cc7711cc7716c3f86490dd194586c3ff0f8c3018f3f6c3f1ca02e39b5266c3fe0c08103070e6c3f8b8d86ee83f56b3ff70694892bdd6b3f7b3e8865fdc46b3fd0bac114f9ac6b3f23ff182b1e956b3f8b33da3d6c7d6b3f05eebee3e2656b3f4f1be8b4814e6b3fce06d84a48376b3fd9806c4036206b3fa422d9314b096b3f28afa1bc86f26a3f5e90947fe8db6a3f1b70c51a70c56a3ffdeb872f1daf6a3fbe636a60ef986a3f59e13051e6826a3f6d1ad0a6016d6a3f4a8a680741576a3f1aa4411aa4416a3fa01cc5872a2c6a3f024b7af9d3166a3f1aa0011aa0016a3fd93310958eec693f2d686b179fd7693f02a1e44ed1c2693fda1055ea24ae693f9a9999999999693fffc08e0d2f85693f72b80cf8e470693fae77e30bbb5c693fe0e9d6fcb048693fe62c9b7fc634693f29e2d049fb20693fd59001124f0d693ffa189c8fc1f9683f3f37f17a52e6683fd318308d01d3683f3aff6280cebf683faaf36b0fb9ac683f9c8901f6c099683f4ab0abf0e586683fb992c0bc2774683f188661188661683f140678c2004f683fddbeb27a973c683fa0a482014a2a683f181818181818683f061860800106683f407f01fd05f4673f1d4f5a5125e2673ff4057d415fd0673f7c012e92b3be673fc3ece00822ad673f8b39b66baa9b673fc8a478814c8a673f0dc69a110879673fb1a934e4dc67673f6d7501c2ca56673f46175d74d145673f8dfe41c5f034673fbcde467f2824673f097c9c6d7813673f70810b5ce002673f1760f21660f2663fc737436bf7e1663f61c88126a6d1663f176cc1166cc1663f3d1aa30a49b1663f907253d13ca1663fc0d0883a4791663f176881166881663f1a6701369f71663ff922516aec61663fa34a3b854f52663f64210b59c842663fdec08ab85633663f40620177fa23663f94ae3168b314663f061658608105663ffc2d293464f6653fe715d0b85be7653fa5e2ecc367d8653f5710932b88c9653f91fa47c6bcba653fc05a016b05ac653faacc23f1619d653fed588130d28e653f600558015680653f3a6b503ced71653fe2527cba9763653f555555555555653ffe82bbe62547653feb0ff4480939653f4b05a856ff2a653f15f8e2ea071d653fc5c411e1220f653f155001155001653f9b4cdd628ff3643f39052fa7e0e5643f4c2cdcbe43d8643f6eaf2587b8ca643fe18fa6dd3ebd643f5bbf52a0d6af643f4a0176ad7fa2643f67d0b2e33995643f804801220588643f7b14ae47e17a643f66605934ce6d643f9acff5c7cb60643fca76c7e2d953643ffbd96265f846643f4deeab30273a643f871fd525662d643f51595e26b520643f141414141414643f66650ed18207643ffb13b03f01fb633f07afa5428fee633f02a9e4bc2ce2633fc675aa91d9d5633fe7ab7ba495c9633f552923d960bd633f143bb1133bb1633f22c87a3824a5633f637f182c1c99633f8e0866d3228d633f143881133881633fee45c9d15b75633f4807def38d69633ff82a9f5fce5d633fc1782bfb1c52633f4613e0ac7946633fb2bc575be43a633ffa1d6aed5c2f633fbf102b4ae323633fb6ebe9587718633f90d13001190d633f6002c42ac801633f682fa1bd84f6623f4bd1fea14eeb623f97804bc025e0623fa0502d010ad5623fa02c814dfbc9623f11375a8ef9be623f402b01ad04b4623f05c1f3921ca9623f9e12e429419e623fa504b85b7293623f13b08812b088623f4dcea138fa7d623f352781b85073623f2701d67cb368623ff1928070225e623fb277917e9d53623f922449922449623f5b601797b73e623fdfbc9a785634623f2a12a022012a623f78fb2181b71f623fe65548807915623fd9c0670c470b623f122001122001623f701fc17d04f7613f4cb87f3cf4ec613f74b83f3befe2613fbd4a2e67f5d8613f1d81a2ad06cf613f59e01cfc22c5613f29ed46404abb613fe3baf2677cb1613f967b1a61b9a7613f9e11e019019e613f9ca28c805394613fdb2b9083b08a613f121881111881613f84d61b198a77613f79734289066e613f0132fc508d64613f0d27755f1e5b613fc9d5fda3b951613f3bcd0a0e5f48613f2447348d0e3f613f11c83511c835613facc0ed898b2c613f33305de75823613f2648a719301a613f111111111111613f801001befb07613f11f0fe10f0fe603fa225b3faedf5603f909ce66bf5ec603f1160825506e4603f96468fa820db603f3a9e355644d2603f3bdabc4f71c9603f71418b86a7c0603fc89d25ece6b7603fb5ec2e722faf603fa710680a81a6603f6083afa6db9d603f540901393f95603fe26575b3ab8c603f841042082184603fe2eab8299f7b603fc6f7470a2673603ffb12799cb56a603ffca9f1d24d62603f867572a0ee59603f0434d7f79751603fc56416cc4949603f100441100441603ffc4782b7c638603f1a5e1fb59130603fe92977fc6428603f080402814020603f377a51362418603f101010101010603f800001020408603f000000000000603f00ff01fc07f05f3f20e01fe01fe05f3f6a0ea19447d05f3ff007fc017fc05f3f39e9d510c6b05f3f12fa01aa1ca15f3faf3b81b682915f3f20f8811ff8815f3f0a535fce7c725f3fb5dba0ac10635f3f4e20faa3b3535f3f71424a9e65445f3fec8c9b8526355f3fb50a2344f6255f3f171f40c4d4165f3f081f7cf0c1075f3fadeb89b3bdf85e3f028e45f8c7e95e3fa5d3b3a9e0da5e3fc0ec01b307cc5e3f0c0b85ff3cbd5e3feb01ba7a80ae5e3f99e74410d29f5e3f67b7f0ab31915e3f09f5ae399f825e3fe45097a51a745e3f6b4de7dba3655e3f74e501c93a575e3f94336f59df485e3f731adc79913a5e3f16ee1917512c5e3f1e1e1e1e1e1e5e3f00e1017cf80f5e3f1ee0011ee0015e3fdbe47df1d4f35d3f8a86f8e3d6e55d3f4cd916e3e5d75d3fca1da0dc01ca5d3fd4717dbe2abc5d3fdb81b97660ae5d3f413b80f3a2a05d3f8a7f1e23f2925d3f55d801f44d855d3f342cb854b6775d3f4874ef332b6a5d3fb2727580ac5c5d3fca6937293a4f5d3f1dd4411dd4415d3f341dc04b7a345d3f1a5bfca32c275d3fa4085f15eb195d3f74c06e8fb50c5d3fc0f8cf018cff5c3fc6bf445c6ef25c3f0079ac8e5ce55c3f0b9b038956d85c3f3a6e633b5ccb5c3fe7cb01966dbe5c3f60de30898ab15c3f91e15e05b3a45c3f0000004029861a000000400000000000');
INSERT INTO public.checkpoint_parts (job_id, attempt, step, rank, world_size, manifest) VALUES ('größe-77abcd', 2, 50, 0, 2, '{"attempt":2,"step":50,"files":[{"path":"model.pt","size":10,"sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","mode":420,"modified":1780000050.0}],"metrics":{},"sharded":true,"rank":0,"watched":null}');
INSERT INTO public.checkpoints (id, job_id, attempt, step, rank, manifest, size, created_at, pruned) VALUES (1, 'digits-k3m9ap', 1, 40, -1, '{"attempt":1,"step":40,"files":[{"path":"model.pt","size":10,"sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","mode":420,"modified":1780000050.0},{"path":"\u00e4/opt.pt","size":20,"sha256":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","mode":420,"modified":0.0}],"metrics":{"val_loss":0.25},"sharded":false,"rank":null,"watched":null}', 30, 1780000060, false);
INSERT INTO public.checkpoints (id, job_id, attempt, step, rank, manifest, size, created_at, pruned) VALUES (2, 'größe-77abcd', 2, 45, -2, '{"attempt":2,"step":45,"files":[{"path":"\u00e4/opt.pt","size":20,"sha256":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","mode":420,"modified":0.0}],"metrics":{},"sharded":false,"rank":null,"watched":{"node":0,"number":1,"per_node":false,"owners":{},"taken":{"0":1}}}', 20, 1780000111, false);
INSERT INTO public.clusters (name, kind, fence, session_host, ray_version, last_seen, nodes) VALUES ('gpu', 'ray', 1, 'head', '2.60.0', 1780000001, '[{"node_id":"n1","host":"host-1","address":"10.0.0.1","total":{"CPU":8.0,"GPU":2.0},"free":{"CPU":8.0},"labels":{},"alive":true}]');
INSERT INTO public.events (id, job_id, "time", kind, text, attempt) VALUES (1, 'digits-k3m9ap', 1780000090, 'queued', 'waits', NULL);
INSERT INTO public.events (id, job_id, "time", kind, text, attempt) VALUES (2, 'digits-k3m9ap', 1780000090, 'warning', 'nul� and half ?', 1);
INSERT INTO public.events (id, job_id, "time", kind, text, attempt) VALUES (3, 'digits-k3m9ap', 1780000090, 'succeeded', 'all ranks exited with 0', 1);
INSERT INTO public.expired (job_id, kind, at, size) VALUES ('digits-k3m9ap', 'logs', 1780000100, 12);
INSERT INTO public.generations (job_id, high, low, points) VALUES ('digits-k3m9ap', 572, 0, 572);
INSERT INTO public.jobs (id, random_part, idempotency_key, name, project, priority, cluster, spec, code, resources, policy, submitted_at, "user", state, queued_at, ended_at, newest_allocation, newest_attempt, failures, fruitless, not_before, reason, revision, from_checkpoint, from_step, held_at, after, array_id, array_index, array_count, array_limit, array_waits, kept_back_s) VALUES ('later-p2q2p2', 'p2q2p2', NULL, 'later', 'vision', 50, 'any', '{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{"workers":2,"cpus_per_worker":1,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}', '{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}', 1780000000, 'ada', 'HELD', 1780000000, NULL, NULL, NULL, 0, 0, 0, '', 0, NULL, NULL, 1780000005, '[]', NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs (id, random_part, idempotency_key, name, project, priority, cluster, spec, code, resources, policy, submitted_at, "user", state, queued_at, ended_at, newest_allocation, newest_attempt, failures, fruitless, not_before, reason, revision, from_checkpoint, from_step, held_at, after, array_id, array_index, array_count, array_limit, array_waits, kept_back_s) VALUES ('sweep-aaaaaa', 'aaaaaa', NULL, 'sweep', 'vision', 50, 'any', '{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{"workers":2,"cpus_per_worker":1,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}', '{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}', 1780000000, 'ada', 'QUEUED', 1780000000, NULL, NULL, NULL, 0, 0, 0, '', 0, NULL, NULL, NULL, '[]', 'sweep-cccccc', 0, 2, 1, false, 0);
INSERT INTO public.jobs (id, random_part, idempotency_key, name, project, priority, cluster, spec, code, resources, policy, submitted_at, "user", state, queued_at, ended_at, newest_allocation, newest_attempt, failures, fruitless, not_before, reason, revision, from_checkpoint, from_step, held_at, after, array_id, array_index, array_count, array_limit, array_waits, kept_back_s) VALUES ('sweep-bbbbbb', 'bbbbbb', NULL, 'sweep', 'vision', 50, 'any', '{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{"workers":2,"cpus_per_worker":1,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}', '{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}', 1780000000, 'ada', 'QUEUED', 1780000000, NULL, NULL, NULL, 0, 0, 0, '', 0, NULL, NULL, NULL, '[]', 'sweep-cccccc', 1, 2, 1, true, 0);
INSERT INTO public.jobs (id, random_part, idempotency_key, name, project, priority, cluster, spec, code, resources, policy, submitted_at, "user", state, queued_at, ended_at, newest_allocation, newest_attempt, failures, fruitless, not_before, reason, revision, from_checkpoint, from_step, held_at, after, array_id, array_index, array_count, array_limit, array_waits, kept_back_s) VALUES ('digits-k3m9ap', 'k3m9ap', 'key of digits', 'digits', 'vision', 50, 'any', '{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{"workers":2,"cpus_per_worker":1.0,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}', '{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}', 1780000000, 'ada', 'SUCCEEDED', 1780000000, 1780000090, 1, 1, 0, 0, 0, 'finished', 1, NULL, NULL, NULL, '[]', NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs (id, random_part, idempotency_key, name, project, priority, cluster, spec, code, resources, policy, submitted_at, "user", state, queued_at, ended_at, newest_allocation, newest_attempt, failures, fruitless, not_before, reason, revision, from_checkpoint, from_step, held_at, after, array_id, array_index, array_count, array_limit, array_waits, kept_back_s) VALUES ('größe-77abcd', '77abcd', NULL, 'größe', 'default', 50, 'any', '{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{"workers":2,"cpus_per_worker":1.0,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}', '{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}', 1780000000, 'grace', 'RUNNING', 1780000000, NULL, 2, 2, 1, 0, 0, '', 1, NULL, NULL, NULL, '[]', NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.logs (job_id, attempt, rank, stream, length, gaps, missing) VALUES ('digits-k3m9ap', 1, 0, 'out', 5007, '[[7,4944]]', 4937);
INSERT INTO public.outbox (id, job_id, message_id, kind, url, url_secret, body, created_at, tries, next_at, delivered_at, problem) VALUES (1, 'digits-k3m9ap', 'msg_tj3hpxwvzc2rg29wvjrwp7n5', 'ended', 'https://example.org/hook', '', '{"job":"digits-k3m9ap"}', 1780000091, 0, 1780000091, NULL, '');
INSERT INTO public.outputs (job_id, rank, path, attempt, size, sha256, mode, collected_at) VALUES ('digits-k3m9ap', 0, 'curve.png', 1, 5, 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 420, 1780000091);
INSERT INTO public.projects (name, weight, gpus, cpus, running, queued) VALUES ('vision', 2, 8, NULL, 4, NULL);
INSERT INTO public.retention (project, kind, value) VALUES ('', 'logs', 86400);
INSERT INTO public.retention (project, kind, value) VALUES ('vision', 'metrics', NULL);
INSERT INTO public.sample_batches (id, job_id, series_id, attempt, data) VALUES (1, 'digits-k3m9ap', 1, 1, '\x024000000001100000000300010000111000000000a5186a000000000500000000000000000000000000003e0000803e0000c03e0000003f0000203f0000403f0000603f0000803f0000903f0000a03f0000b03f0000c03f0000d03f0000e03f0000f03f0000004000000840000010400000184000002040000028400000304000003840000040400000484000005040000058400000604000006840000070400000784000008040000084400000884000008c4000009040000094400000984000009c400000a0400000a4400000a8400000ac400000b0400000b4400000b8400000bc400000c0400000c4400000c8400000cc400000d0400000d4400000d8400000dc400000e0400000e4400000e8400000ec400000f0400000f4400000f8400000fc400000004029861a000000400100000000');
INSERT INTO public.sample_batches (id, job_id, series_id, attempt, data) VALUES (2, 'digits-k3m9ap', 2, 1, '\x024000000001100000000208000000111000000000a5186a00000000050000000000000000000000000000400000004029861a000000400100000000');
INSERT INTO public.sample_series (id, job_id, name, rank, count, first_at, attempt, last_at, last_value, sum, highest, tail) VALUES (2, 'digits-k3m9ap', 'rank/cpu', 0, 70, 1780000000, 1, 1780000345, 2, 140, 2, '\x000000902986da410000000000000040000040912986da410000000000000040000080922986da4100000000000000400000c0932986da410000000000000040000000952986da410000000000000040000040962986da410000000000000040');
INSERT INTO public.sample_series (id, job_id, name, rank, count, first_at, attempt, last_at, last_value, sum, highest, tail) VALUES (1, 'digits-k3m9ap', 'node/cpu', 0, 70, 1780000000, 1, 1780000345, 8.625, 301.875, 8.625, '\x000000902986da410000000000002040000040912986da410000000000402040000080922986da4100000000008020400000c0932986da410000000000c02040000000952986da410000000000002140000040962986da410000000000402140');
INSERT INTO public.sampled (job_id, attempt, rank, length, unreadable, rest) VALUES ('digits-k3m9ap', 1, 0, 5967, 0, '\x');
INSERT INTO public.secrets (project, name, sealed, "user", set_at) VALUES ('vision', 'HF_TOKEN', '\x00ff7365616c6564', 'ada', 1780000000);
INSERT INTO public.series (id, job_id, rank, name, count, first_step, last_attempt, last_step, last_value) VALUES (1, 'digits-k3m9ap', 0, 'loss', 700, 0, 1, 699, 0.0014285714285714286);
INSERT INTO public.server (id, secret) VALUES ('wef8x37547', '\x923ece3d8479f483001ba7ddf2705cf74ab893c7790d4dc7a2b0588583c70377');
INSERT INTO public.spools (job_id, attempt, rank, length, records, unreadable, first_step, first_at, step, total_steps, last_at, rest, stream) VALUES ('digits-k3m9ap', 1, 0, 62765, 700, 0, 0, 1780000000, 699, 700, 1780000699, '\x7b2274223a312c226b223a226d222c2273746570223a3730302c226d223a7b226c6f7373223a4e614e2c226163', 'spool');
INSERT INTO public.stragglers (job_id, attempt, rank, node, factor, step, since) VALUES ('größe-77abcd', 2, 1, 'host-1', 1.75, 60, 1780000120);
INSERT INTO public.unread (id, job_id, attempt, rank, lines) VALUES (1, 'digits-k3m9ap', 1, 0, '\x7b7d');
INSERT INTO public.usage (project, "user", gpu_s, cpu_s, at) VALUES ('vision', 'ada', 3600.5, 7200.25, 1780000000);
SELECT pg_catalog.setval('public.batches_id_seq', 700, true);
SELECT pg_catalog.setval('public.checkpoints_id_seq', 2, true);
SELECT pg_catalog.setval('public.events_id_seq', 3, true);
SELECT pg_catalog.setval('public.outbox_id_seq', 1, true);
SELECT pg_catalog.setval('public.sample_batches_id_seq', 2, true);
SELECT pg_catalog.setval('public.sample_series_id_seq', 2, true);
SELECT pg_catalog.setval('public.series_id_seq', 1, true);
SELECT pg_catalog.setval('public.unread_id_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.allocations
    ADD CONSTRAINT pk_allocations PRIMARY KEY (job_id, number);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT pk_attempts PRIMARY KEY (job_id, number);
ALTER TABLE ONLY public.awaited
    ADD CONSTRAINT pk_awaited PRIMARY KEY (job_id, other);
ALTER TABLE ONLY public.batches
    ADD CONSTRAINT pk_batches PRIMARY KEY (id);
ALTER TABLE ONLY public.checkpoint_parts
    ADD CONSTRAINT pk_checkpoint_parts PRIMARY KEY (job_id, attempt, step, rank);
ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT pk_checkpoints PRIMARY KEY (id);
ALTER TABLE ONLY public.clusters
    ADD CONSTRAINT pk_clusters PRIMARY KEY (name);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT pk_events PRIMARY KEY (id);
ALTER TABLE ONLY public.expired
    ADD CONSTRAINT pk_expired PRIMARY KEY (job_id, kind);
ALTER TABLE ONLY public.generations
    ADD CONSTRAINT pk_generations PRIMARY KEY (job_id, high);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);
ALTER TABLE ONLY public.logs
    ADD CONSTRAINT pk_logs PRIMARY KEY (job_id, attempt, rank, stream);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.outputs
    ADD CONSTRAINT pk_outputs PRIMARY KEY (job_id, rank, path);
ALTER TABLE ONLY public.projects
    ADD CONSTRAINT pk_projects PRIMARY KEY (name);
ALTER TABLE ONLY public.retention
    ADD CONSTRAINT pk_retention PRIMARY KEY (project, kind);
ALTER TABLE ONLY public.sample_batches
    ADD CONSTRAINT pk_sample_batches PRIMARY KEY (id);
ALTER TABLE ONLY public.sample_series
    ADD CONSTRAINT pk_sample_series PRIMARY KEY (id);
ALTER TABLE ONLY public.sampled
    ADD CONSTRAINT pk_sampled PRIMARY KEY (job_id, attempt, rank);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT pk_secrets PRIMARY KEY (project, name);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT pk_series PRIMARY KEY (id);
ALTER TABLE ONLY public.server
    ADD CONSTRAINT pk_server PRIMARY KEY (id);
ALTER TABLE ONLY public.spools
    ADD CONSTRAINT pk_spools PRIMARY KEY (job_id, attempt, rank, stream);
ALTER TABLE ONLY public.stragglers
    ADD CONSTRAINT pk_stragglers PRIMARY KEY (job_id, attempt, rank);
ALTER TABLE ONLY public.unread
    ADD CONSTRAINT pk_unread PRIMARY KEY (id);
ALTER TABLE ONLY public.usage
    ADD CONSTRAINT pk_usage PRIMARY KEY (project, "user");
ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT uq_checkpoints_job_id_attempt_step_rank UNIQUE (job_id, attempt, step, rank);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT uq_jobs_idempotency_key UNIQUE (idempotency_key);
ALTER TABLE ONLY public.sample_series
    ADD CONSTRAINT uq_sample_series_job_id_name_rank UNIQUE (job_id, name, rank);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT uq_series_job_id_rank_name UNIQUE (job_id, rank, name);
CREATE INDEX ix_allocations_cluster_state ON public.allocations USING btree (cluster, state);
CREATE INDEX ix_awaited_other ON public.awaited USING btree (other);
CREATE INDEX ix_batches_job_id_id ON public.batches USING btree (job_id, id);
CREATE INDEX ix_batches_series_id_id ON public.batches USING btree (series_id, id);
CREATE INDEX ix_events_job_id_id ON public.events USING btree (job_id, id);
CREATE INDEX ix_jobs_array_id_array_waits_state ON public.jobs USING btree (array_id, array_waits, state);
CREATE INDEX ix_jobs_from_checkpoint ON public.jobs USING btree (from_checkpoint);
CREATE INDEX ix_jobs_listing ON public.jobs USING btree (submitted_at, id, state, project, "user", name, cluster);
CREATE INDEX ix_jobs_project_state ON public.jobs USING btree (project, state);
CREATE INDEX ix_jobs_state_submitted_at ON public.jobs USING btree (state, submitted_at);
CREATE INDEX ix_outbox_job_id ON public.outbox USING btree (job_id);
CREATE INDEX ix_outbox_next_at ON public.outbox USING btree (next_at);
CREATE INDEX ix_outputs_sha256 ON public.outputs USING btree (sha256);
CREATE INDEX ix_sample_batches_job_id ON public.sample_batches USING btree (job_id);
CREATE INDEX ix_sample_batches_series_id_id ON public.sample_batches USING btree (series_id, id);
CREATE INDEX ix_unread_job_id ON public.unread USING btree (job_id);
ALTER TABLE ONLY public.allocations
    ADD CONSTRAINT fk_allocations_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT fk_attempts_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.awaited
    ADD CONSTRAINT fk_awaited_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.batches
    ADD CONSTRAINT fk_batches_series_id FOREIGN KEY (series_id) REFERENCES public.series(id);
ALTER TABLE ONLY public.checkpoint_parts
    ADD CONSTRAINT fk_checkpoint_parts_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT fk_checkpoints_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT fk_events_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.expired
    ADD CONSTRAINT fk_expired_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.logs
    ADD CONSTRAINT fk_logs_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT fk_outbox_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.outputs
    ADD CONSTRAINT fk_outputs_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.sample_batches
    ADD CONSTRAINT fk_sample_batches_series_id FOREIGN KEY (series_id) REFERENCES public.sample_series(id);
ALTER TABLE ONLY public.stragglers
    ADD CONSTRAINT fk_stragglers_job_id FOREIGN KEY (job_id) REFERENCES public.jobs(id);
