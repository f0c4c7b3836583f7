/*
 * password_apr1.h: Apache's variant of MD5 crypt, which libcrypt has not.
 * Thread: any.
 */
#ifndef SQUIRE_PASSWORD_APR1_H
#define SQUIRE_PASSWORD_APR1_H

#include <stdbool.h>

#define PASSWORD_APR1_PREFIX "$apr1$"
#define PASSWORD_APR1_SIZE 38 /* $apr1$ SALT $ 22 characters, and NUL */

/* True for $apr1$, a salt of 1 to 8 characters, $ and 22 characters. */
bool passwordApr1IsHash(const char *hash);

/*
 * Hash a password with the salt of such a hash. False when there is no MD5
 * (a library that permits none).
 */
bool passwordApr1(const char *password, const char *hash,
                  char out[PASSWORD_APR1_SIZE]);

#endif
