BEGIN TRANSACTION;
CREATE TABLE clips (
  id TEXT PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources(id) ON DELETE CASCADE,
  start_s REAL, end_s REAL, text TEXT, raw_text TEXT, language TEXT, status TEXT, reason TEXT, confidence REAL,
  mismatch REAL, snr_db REAL, loudness_lufs REAL, clipped_fraction REAL, speaker_similarity REAL, edited_at REAL);
INSERT INTO "clips" VALUES('a-0001','a',0.5,4.0,'Água fria','Água fria','pt','new','',0.9,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "clips" VALUES('a-0002','a',5.0,9.0,'heard that','heard it','','new','',0.5,0.25,NULL,NULL,NULL,NULL,1.79593203417059016227e+09);
INSERT INTO "clips" VALUES('a-0003','a',10.0,12.0,'as brought','','','approved','',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "clips" VALUES('a-0004','a',13.0,15.0,'','','','new','',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "clips" VALUES('r-0001','r',0.0,4.0,'read aloud','read aloud','','new','',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE revisions (
  number INTEGER PRIMARY KEY, clip_id TEXT, at REAL, field TEXT, old TEXT, new TEXT);
INSERT INTO "revisions" VALUES(1,'a-0002',1.79593203417059016227e+09,'text','heard it','heard that');
CREATE TABLE sources (
  id TEXT PRIMARY KEY, title TEXT, origin TEXT, rights TEXT, seconds REAL, sample_rate INTEGER, sha256 TEXT,
  added_at REAL);
INSERT INTO "sources" VALUES('a','Interview','file','',60.0,48000,'ab',1.0);
INSERT INTO "sources" VALUES('r','Read aloud','reading','',9.0,48000,'cd',2.0);
CREATE TABLE votes (
  number INTEGER PRIMARY KEY, pair TEXT, left_name TEXT, right_name TEXT, choice TEXT, at REAL);
INSERT INTO "votes" VALUES(1,'00000000000000a1','run:10','run:20','left',3.0);
INSERT INTO "votes" VALUES(2,'00000000000000a2','run:10','run:20','same',4.0);
INSERT INTO "votes" VALUES(3,'00000000000000a1','run:20','run:10','right',5.0);
CREATE INDEX clips_by_time ON clips (source_id, start_s);
CREATE INDEX clips_by_status ON clips (status, source_id, start_s);
CREATE INDEX clips_by_confidence ON clips (confidence);
CREATE INDEX revisions_by_clip ON revisions (clip_id, number);
PRAGMA user_version=0;
COMMIT;
