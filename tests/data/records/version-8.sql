BEGIN TRANSACTION;
CREATE TABLE clip_numbers (source_id TEXT PRIMARY KEY, last INTEGER NOT NULL, changed_at REAL);
INSERT INTO "clip_numbers" VALUES('a',4,1.79593203909144234656e+09);
INSERT INTO "clip_numbers" VALUES('r',1,1.79593203926410675047e+09);
CREATE TABLE clips (
  id TEXT PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
  start_s REAL, end_s REAL, text TEXT, raw_text TEXT, language TEXT, status TEXT, reason TEXT, confidence REAL,
  mismatch REAL, snr_db REAL, loudness_lufs REAL, clipped_fraction REAL, speaker_similarity REAL, edited_at REAL, avg_logprob REAL, no_speech_prob REAL, compression_ratio REAL, naturalness REAL, peak_dbfs REAL, gain_db REAL, bandwidth_hz REAL, lead_s REAL, tail_s REAL, second_text TEXT DEFAULT '', text_flags TEXT DEFAULT '', sound_flags TEXT DEFAULT '', forced TEXT DEFAULT '', given INTEGER DEFAULT 0, checked INTEGER DEFAULT 0, folded TEXT);
INSERT INTO "clips" VALUES('a-0001','a',0.5,4.0,'Água fria','Água fria','pt','new','',0.9,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','','','',0,0,'agua fria');
INSERT INTO "clips" VALUES('a-0002','a',5.0,9.0,'heard that','heard it','','new','',0.5,0.25,NULL,NULL,NULL,NULL,1.79593203934328532215e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','','','',0,0,NULL);
INSERT INTO "clips" VALUES('a-0003','a',10.0,12.0,'as brought','','','approved','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','','','',0,0,NULL);
INSERT INTO "clips" VALUES('a-0004','a',13.0,15.0,'','','','new','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','','','',0,0,NULL);
INSERT INTO "clips" VALUES('r-0001','r',0.0,4.0,'read aloud','read aloud','','new','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','','','',0,0,NULL);
CREATE TABLE edits (
  number INTEGER PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE, what TEXT, before TEXT,
  after TEXT, at REAL DEFAULT 0);
CREATE TABLE revisions (
  number INTEGER PRIMARY KEY, clip_id TEXT, at REAL, field TEXT, old TEXT, new TEXT);
INSERT INTO "revisions" VALUES(1,'a-0002',1.79593203934328532215e+09,'text','heard it','heard that');
CREATE TABLE sources (
  id TEXT PRIMARY KEY, title TEXT, origin TEXT, rights TEXT, seconds REAL, sample_rate INTEGER, sha256 TEXT,
  added_at REAL, audio_md5 TEXT DEFAULT '', note TEXT DEFAULT '', use TEXT DEFAULT 'original');
INSERT INTO "sources" VALUES('a','Interview','file','',60.0,48000,'ab',1.0,'','','original');
INSERT INTO "sources" VALUES('r','Read aloud','reading','',9.0,48000,'cd',2.0,'','','original');
CREATE TABLE undone (number INTEGER PRIMARY KEY, at REAL, revisions TEXT, edit TEXT);
CREATE TABLE votes (
  number INTEGER PRIMARY KEY, pair TEXT UNIQUE, left_name TEXT, right_name TEXT, choice TEXT, at REAL,
  sentence TEXT DEFAULT '', listener TEXT DEFAULT '');
INSERT INTO "votes" VALUES(1,'00000000000000a1','run:10','run:20','left',3.0,'O que foi dito.','');
INSERT INTO "votes" VALUES(2,'00000000000000a2','run:10','run:20','same',4.0,'','');
CREATE TABLE words (
  source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE, start_s REAL, end_s REAL, text TEXT,
  probability REAL);
CREATE INDEX clips_by_status ON clips (status, source_id, start_s);
CREATE INDEX clips_by_confidence ON clips (confidence IS NULL, confidence, source_id, start_s);
CREATE INDEX clips_by_length ON clips (end_s - start_s, source_id, start_s);
CREATE INDEX clips_by_status_confidence ON clips (
  status, confidence IS NULL, confidence, source_id, start_s);
CREATE INDEX clips_by_status_length ON clips (status, end_s - start_s, source_id, start_s);
CREATE INDEX revisions_by_clip ON revisions (clip_id, number);
CREATE INDEX words_by_time ON words (source_id, start_s);
CREATE INDEX clips_by_mismatch ON clips (mismatch IS NULL, mismatch DESC, source_id, start_s);
CREATE INDEX clips_flagged ON clips (
  source_id, start_s, id, text_flags, sound_flags, mismatch, confidence) WHERE status = 'new' AND (text_flags != '' OR sound_flags != '');
CREATE TRIGGER fold_new_text AFTER INSERT ON clips WHEN NEW.text GLOB '*[^ -~]*' BEGIN
  UPDATE clips SET folded = fold_accents(NEW.text) WHERE id = NEW.id;
END;
CREATE TRIGGER fold_changed_text AFTER UPDATE OF text ON clips WHEN NEW.text IS NOT OLD.text BEGIN
  UPDATE clips SET folded = CASE WHEN NEW.text GLOB '*[^ -~]*' THEN fold_accents(NEW.text) END WHERE id = NEW.id;
END;
CREATE INDEX clips_by_time ON clips (source_id, start_s);
CREATE INDEX revisions_by_time ON revisions (at);
PRAGMA user_version=8;
COMMIT;
