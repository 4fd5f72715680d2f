-- CreateTable
CREATE TABLE "IdentityKey" (
    "number" INTEGER NOT NULL,
    "kid" TEXT NOT NULL,
    "sealed" TEXT NOT NULL,
    "signsFrom" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "IdentityKey_pkey" PRIMARY KEY ("number")
);

-- CreateIndex
CREATE UNIQUE INDEX "IdentityKey_kid_key" ON "IdentityKey"("kid");
