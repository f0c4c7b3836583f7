/*
 * password_hash.h: is this the password of that hash? All kinds that
 * crypt(3) knows, $apr1$ and {SHA}. Thread: one.
 */
#ifndef SQUIRE_PASSWORD_HASH_H
#define SQUIRE_PASSWORD_HASH_H

#include <stdbool.h>

/* NULL, or why no password can ever match this hash; constant. */
const char *passwordHashProblem(const char *hash);

/*
 * True when the password gives the hash. Compares in a time that does not
 * depend on what is equal; takes as long as the hash is made to take.
 */
bool passwordHashVerify(const char *hash, const char *password);

#endif
