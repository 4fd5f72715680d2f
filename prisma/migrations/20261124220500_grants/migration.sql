-- One word for one thing: what was a credential is a grant. Nothing but names changes, so this step holds no lock for long.
-- It is not an expand-and-contract step, because no release has been made that could run beside it.
ALTER TYPE "CredentialState" RENAME TO "GrantState";
ALTER TYPE "GrantState" RENAME VALUE 'revoked' TO 'lost';

ALTER TABLE "Credential" RENAME TO "Grant";
ALTER TABLE "Grant" RENAME CONSTRAINT "Credential_pkey" TO "Grant_pkey";

ALTER TABLE "Session" RENAME COLUMN "credentialId" TO "grantId";
ALTER INDEX "Session_credentialId_key" RENAME TO "Session_grantId_key";
ALTER TABLE "Session" RENAME CONSTRAINT "Session_credentialId_fkey" TO "Session_grantId_fkey";

-- Grants are sealed for a purpose that holds the word. None that was sealed under the old one opens any more: sign everyone out.
DELETE FROM "Session";
DELETE FROM "SessionGroup";
DELETE FROM "Grant";
