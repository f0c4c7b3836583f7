/*
 * digest_query.h: the request of a digest helper, "USER":"REALM", and the
 * HA1 that answers it. Thread: any.
 */
#ifndef SQUIRE_DIGEST_QUERY_H
#define SQUIRE_DIGEST_QUERY_H

#include <stdbool.h>

#define DIGEST_HA1_SIZE 33

/*
 * Split a request, in place, into borrowed texts. Nothing in it is escaped,
 * so that a user name may hold quotes. What follows the realm (key extras)
 * is ignored. False when it has not this form.
 */
bool digestQueryParse(char *line, char **userOut, char **realmOut);

/* HA1 of a password: MD5 of USER:REALM:PASSWORD in hexadecimal. False when
 * there is no MD5. */
bool digestQueryHa1(const char *user, const char *realm, const char *password,
                    char out[DIGEST_HA1_SIZE]);

#endif
