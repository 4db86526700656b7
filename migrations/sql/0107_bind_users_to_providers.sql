-- Users whom the firm's identity provider signs in.
--
-- Why: a person is known by issuer and subject, which never change and are never given to somebody else; names and e-mail
--      addresses are. Such a user needs no password of ours.
-- Locks: ACCESS EXCLUSIVE on users for a moment; one row per person.
-- Undo: DELETE FROM web_sessions WHERE user_name IN (SELECT user_name FROM users WHERE password_hash IS NULL);
--       DELETE FROM users WHERE password_hash IS NULL; ALTER TABLE users DROP CONSTRAINT users_can_sign_in,
--       DROP CONSTRAINT users_by_subject, DROP COLUMN issuer, DROP COLUMN subject, ALTER COLUMN password_hash SET NOT NULL;

BEGIN;

ALTER TABLE users
    ALTER COLUMN password_hash DROP NOT NULL,
    ADD COLUMN issuer text,
    ADD COLUMN subject text,
    ADD CONSTRAINT users_by_subject UNIQUE (issuer, subject),
    ADD CONSTRAINT users_can_sign_in CHECK (
        (issuer IS NULL) = (subject IS NULL) AND (password_hash IS NOT NULL OR subject IS NOT NULL));

COMMIT;
