BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0011');
CREATE TABLE allocations (
	job_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	cluster TEXT NOT NULL, 
	slots TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	state TEXT NOT NULL, 
	CONSTRAINT pk_allocations PRIMARY KEY (job_id, number), 
	CONSTRAINT fk_allocations_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "allocations" VALUES('digits-k3m9ap',1,'gpu','[{"index":0,"node_id":"n1","ranks":1,"replicas":1,"address":"10.0.0.1:7000","quiet":1,"closed":"","lost":null,"set_up":0,"set_up_at":0.0,"notes":0},{"index":1,"node_id":"n2","ranks":1,"replicas":1,"address":"","quiet":0,"closed":"told","lost":null,"set_up":0,"set_up_at":0.0,"notes":0}]',1780000001.0,'GONE');
INSERT INTO "allocations" VALUES('größe-77abcd',2,'gpu','[{"index":0,"node_id":"n1","ranks":1,"replicas":1,"address":"10.0.0.1:7000","quiet":1,"closed":"","lost":null,"set_up":0,"set_up_at":0.0,"notes":0}]',1780000100.0,'WANTED');
CREATE TABLE attempts (
	job_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	allocation INTEGER NOT NULL, 
	granted_at DOUBLE NOT NULL, 
	resume_step BIGINT, 
	resume_checkpoint BIGINT, 
	started_at DOUBLE, 
	ended_at DOUBLE, 
	stopping TEXT, 
	stopping_since DOUBLE, 
	force BOOLEAN NOT NULL, 
	verdict TEXT, 
	CONSTRAINT pk_attempts PRIMARY KEY (job_id, number), 
	CONSTRAINT fk_attempts_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "attempts" VALUES('digits-k3m9ap',1,1,1780000001.0,NULL,NULL,1780000002.0,1780000090.0,NULL,NULL,0,'{"ending":"FINISHED","words":"all ranks exited with 0","first_failing":null,"exits":[{"rank":0,"code":0,"stopped":false,"after_s":0.0,"reported":false,"finished":true,"oom":false,"tail":"ready\n","error":"","peak_memory":0},{"rank":1,"code":0,"stopped":false,"after_s":0.0,"reported":false,"finished":false,"oom":false,"tail":"","error":"","peak_memory":0}],"began":false}');
INSERT INTO "attempts" VALUES('größe-77abcd',2,2,1780000101.0,40,1,1780000103.0,NULL,NULL,NULL,0,NULL);
CREATE TABLE awaited (
	job_id TEXT NOT NULL, 
	other TEXT NOT NULL, 
	success BOOLEAN NOT NULL, 
	CONSTRAINT pk_awaited PRIMARY KEY (job_id, other), 
	CONSTRAINT fk_awaited_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "awaited" VALUES('later-p2q2p2','digits-k3m9ap',1);
CREATE TABLE checkpoint_parts (
	job_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	step BIGINT NOT NULL, 
	rank INTEGER NOT NULL, 
	world_size INTEGER NOT NULL, 
	manifest TEXT NOT NULL, 
	CONSTRAINT pk_checkpoint_parts PRIMARY KEY (job_id, attempt, step, rank), 
	CONSTRAINT fk_checkpoint_parts_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "checkpoint_parts" VALUES('größe-77abcd',2,50,0,2,'{"attempt":2,"step":50,"files":[{"path":"model.pt","size":10,"sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","mode":420,"modified":1780000050.0}],"metrics":{},"sharded":true,"rank":0,"watched":null}');
CREATE TABLE checkpoints (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	step BIGINT NOT NULL, 
	rank INTEGER NOT NULL, 
	manifest TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	pruned BOOLEAN NOT NULL, 
	CONSTRAINT fk_checkpoints_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT uq_checkpoints_job_id_attempt_step_rank UNIQUE (job_id, attempt, step, rank)
);
INSERT INTO "checkpoints" VALUES(1,'digits-k3m9ap',1,40,-1,'{"attempt":1,"step":40,"files":[{"path":"model.pt","size":10,"sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","mode":420,"modified":1780000050.0},{"path":"\u00e4/opt.pt","size":20,"sha256":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","mode":420,"modified":0.0}],"metrics":{"val_loss":0.25},"sharded":false,"rank":null,"watched":null}',30,1780000060.0,0);
INSERT INTO "checkpoints" VALUES(2,'größe-77abcd',2,45,-2,'{"attempt":2,"step":45,"files":[{"path":"\u00e4/opt.pt","size":20,"sha256":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","mode":420,"modified":0.0}],"metrics":{},"sharded":false,"rank":null,"watched":{"node":0,"number":1,"per_node":false,"owners":{},"taken":{"0":1}}}',20,1780000111.0,0);
CREATE TABLE clusters (
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	fence BIGINT NOT NULL, 
	session_host TEXT NOT NULL, 
	ray_version TEXT NOT NULL, 
	last_seen DOUBLE NOT NULL, 
	nodes TEXT NOT NULL, 
	CONSTRAINT pk_clusters PRIMARY KEY (name)
);
INSERT INTO "clusters" VALUES('gpu','ray',1,'head','2.60.0',1780000001.0,'[{"node_id":"n1","host":"host-1","address":"10.0.0.1","total":{"CPU":8.0,"GPU":2.0},"free":{"CPU":8.0},"labels":{},"alive":true}]');
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id TEXT NOT NULL, 
	time DOUBLE NOT NULL, 
	kind TEXT NOT NULL, 
	text TEXT NOT NULL, 
	attempt INTEGER, 
	CONSTRAINT fk_events_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "events" VALUES(1,'digits-k3m9ap',1780000090.0,'queued','waits',NULL);
INSERT INTO "events" VALUES(2,'digits-k3m9ap',1780000090.0,'warning','nul� and half ?',1);
INSERT INTO "events" VALUES(3,'digits-k3m9ap',1780000090.0,'succeeded','all ranks exited with 0',1);
CREATE TABLE expired (
	job_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	size BIGINT NOT NULL, 
	CONSTRAINT pk_expired PRIMARY KEY (job_id, kind), 
	CONSTRAINT fk_expired_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "expired" VALUES('digits-k3m9ap','logs',1780000100.0,12);
CREATE TABLE jobs (
	id TEXT NOT NULL, 
	random_part TEXT NOT NULL, 
	idempotency_key TEXT, 
	name TEXT NOT NULL, 
	project TEXT NOT NULL, 
	priority BIGINT NOT NULL, 
	cluster TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	code TEXT NOT NULL, 
	resources TEXT NOT NULL, 
	policy TEXT NOT NULL, 
	submitted_at DOUBLE NOT NULL, 
	user TEXT NOT NULL, 
	state TEXT NOT NULL, 
	queued_at DOUBLE NOT NULL, 
	ended_at DOUBLE, 
	newest_allocation INTEGER, 
	newest_attempt INTEGER, 
	failures INTEGER NOT NULL, 
	fruitless INTEGER NOT NULL, 
	not_before DOUBLE NOT NULL, 
	reason TEXT NOT NULL, 
	revision BIGINT NOT NULL, from_checkpoint BIGINT, from_step BIGINT, held_at DOUBLE, "after" TEXT DEFAULT '[]' NOT NULL, array_id TEXT, array_index BIGINT, array_count INTEGER, array_limit INTEGER, array_waits BOOLEAN DEFAULT 0 NOT NULL, kept_back_s DOUBLE DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT uq_jobs_idempotency_key UNIQUE (idempotency_key)
);
INSERT INTO "jobs" VALUES('digits-k3m9ap','k3m9ap','key of digits','digits','vision',50,'any','{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','{"workers":2,"cpus_per_worker":1.0,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}','{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}',1780000000.0,'ada','SUCCEEDED',1780000000.0,1780000090.0,1,1,0,0,0.0,'finished',1,NULL,NULL,NULL,'[]',NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('größe-77abcd','77abcd',NULL,'größe','default',50,'any','{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','{"workers":2,"cpus_per_worker":1.0,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}','{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}',1780000000.0,'grace','RUNNING',1780000000.0,NULL,2,2,1,0,0.0,'',1,NULL,NULL,NULL,'[]',NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('later-p2q2p2','p2q2p2',NULL,'later','vision',50,'any','{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','{"workers":2,"cpus_per_worker":1,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}','{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}',1780000000.0,'ada','HELD',1780000000.0,NULL,NULL,NULL,0,0,0.0,'',0,NULL,NULL,1780000005.0,'[]',NULL,NULL,NULL,NULL,0,0.0);
INSERT INTO "jobs" VALUES('sweep-aaaaaa','aaaaaa',NULL,'sweep','vision',50,'any','{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','{"workers":2,"cpus_per_worker":1,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}','{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}',1780000000.0,'ada','QUEUED',1780000000.0,NULL,NULL,NULL,0,0,0.0,'',0,NULL,NULL,NULL,'[]','sweep-cccccc',0,2,1,0,0.0);
INSERT INTO "jobs" VALUES('sweep-bbbbbb','bbbbbb',NULL,'sweep','vision',50,'any','{"name":"digits","framework":"pytorch","env":{"A":"\u00e4"},"version":1}','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','{"workers":2,"cpus_per_worker":1,"gpus_per_worker":1,"memory_per_worker":8589934592,"custom":{"tpu":0.5},"labels":{},"accelerator":null,"placement":"pack","nodes":null,"workers_per_node":null,"uneven":false,"replicas_per_rank":1,"fewest":null}','{"max_retries":3,"backoff_s":10.0,"run_timeout_s":3600.0,"start_timeout_s":600.0,"queue_timeout_s":null,"grace_s":60.0,"keep_last":2,"keep_best":null,"sets_up":false,"lock":"","own_python":"","preemptible":false,"resize_every_s":600.0}',1780000000.0,'ada','QUEUED',1780000000.0,NULL,NULL,NULL,0,0,0.0,'',0,NULL,NULL,NULL,'[]','sweep-cccccc',1,2,1,1,0.0);
CREATE TABLE logs (
	job_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	rank INTEGER NOT NULL, 
	stream TEXT NOT NULL, 
	length BIGINT NOT NULL, gaps TEXT, missing BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_logs PRIMARY KEY (job_id, attempt, rank, stream), 
	CONSTRAINT fk_logs_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "logs" VALUES('digits-k3m9ap',1,0,'out',5007,'[[7,4944]]',4937);
CREATE TABLE outbox (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id TEXT NOT NULL, 
	message_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	url TEXT NOT NULL, 
	url_secret TEXT NOT NULL, 
	body TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	tries INTEGER NOT NULL, 
	next_at DOUBLE, 
	delivered_at DOUBLE, 
	problem TEXT NOT NULL, 
	CONSTRAINT fk_outbox_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "outbox" VALUES(1,'digits-k3m9ap','msg_8g2rpv98dsb8zcccgtq82tq6','ended','https://example.org/hook','','{"job":"digits-k3m9ap"}',1780000091.0,0,1780000091.0,NULL,'');
CREATE TABLE outputs (
	job_id TEXT NOT NULL, 
	rank INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 TEXT NOT NULL, 
	mode INTEGER NOT NULL, 
	collected_at DOUBLE NOT NULL, 
	CONSTRAINT pk_outputs PRIMARY KEY (job_id, rank, path), 
	CONSTRAINT fk_outputs_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "outputs" VALUES('digits-k3m9ap',0,'curve.png',1,5,'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',420,1780000091.0);
CREATE TABLE projects (
	name TEXT NOT NULL, 
	weight DOUBLE NOT NULL, 
	gpus DOUBLE, 
	cpus DOUBLE, 
	running BIGINT, 
	queued BIGINT, 
	CONSTRAINT pk_projects PRIMARY KEY (name)
);
INSERT INTO "projects" VALUES('vision',2.0,8.0,NULL,4,NULL);
CREATE TABLE retention (
	project TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	value DOUBLE, 
	CONSTRAINT pk_retention PRIMARY KEY (project, kind)
);
INSERT INTO "retention" VALUES('','logs',86400.0);
INSERT INTO "retention" VALUES('vision','metrics',NULL);
CREATE TABLE secrets (
	project TEXT NOT NULL, 
	name TEXT NOT NULL, 
	sealed BLOB NOT NULL, 
	user TEXT NOT NULL, 
	set_at DOUBLE NOT NULL, 
	CONSTRAINT pk_secrets PRIMARY KEY (project, name)
);
INSERT INTO "secrets" VALUES('vision','HF_TOKEN',X'00FF7365616C6564','ada',1780000000.0);
CREATE TABLE server (
	id TEXT NOT NULL, 
	secret BLOB NOT NULL, 
	CONSTRAINT pk_server PRIMARY KEY (id)
);
INSERT INTO "server" VALUES('g8apbqwgeu',X'D096AAF210ECC704F3CDFE368D00A378EDFA830F68565250FF60EF3C96B9DD47');
CREATE TABLE stragglers (
	job_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	rank INTEGER NOT NULL, 
	node TEXT NOT NULL, 
	factor DOUBLE NOT NULL, 
	step BIGINT NOT NULL, 
	since DOUBLE NOT NULL, 
	CONSTRAINT pk_stragglers PRIMARY KEY (job_id, attempt, rank), 
	CONSTRAINT fk_stragglers_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "stragglers" VALUES('größe-77abcd',2,1,'host-1',1.75,60,1780000120.0);
CREATE TABLE usage (
	project TEXT NOT NULL, 
	user TEXT NOT NULL, 
	gpu_s DOUBLE NOT NULL, 
	cpu_s DOUBLE NOT NULL, 
	at DOUBLE NOT NULL, 
	CONSTRAINT pk_usage PRIMARY KEY (project, user)
);
INSERT INTO "usage" VALUES('vision','ada',3600.5,7200.25,1780000000.0);
CREATE INDEX ix_jobs_state_submitted_at ON jobs (state, submitted_at);
CREATE INDEX ix_allocations_cluster_state ON allocations (cluster, state);
CREATE INDEX ix_events_job_id_id ON events (job_id, id);
CREATE INDEX ix_outputs_sha256 ON outputs (sha256);
CREATE INDEX ix_jobs_from_checkpoint ON jobs (from_checkpoint);
CREATE INDEX ix_outbox_next_at ON outbox (next_at);
CREATE INDEX ix_outbox_job_id ON outbox (job_id);
CREATE INDEX ix_jobs_project_state ON jobs (project, state);
CREATE INDEX ix_jobs_array_id_array_waits_state ON jobs (array_id, array_waits, state);
CREATE INDEX ix_awaited_other ON awaited (other);
CREATE INDEX ix_jobs_listing ON jobs (submitted_at, id, state, project, user, name, cluster);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',3);
INSERT INTO "sqlite_sequence" VALUES('checkpoints',2);
INSERT INTO "sqlite_sequence" VALUES('outbox',1);
COMMIT;
