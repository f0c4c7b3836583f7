/*
 * password_file.h: the users of a password file, with a text for each: the
 * hash of an htpasswd file, the password or HA1 of a digest file. Thread:
 * one.
 */
#ifndef SQUIRE_PASSWORD_FILE_H
#define SQUIRE_PASSWORD_FILE_H

#include "reload.h"

#include <stdbool.h>

typedef struct PasswordFile PasswordFile;

/* How reload.h reads them into a PasswordFile; wrong lines are left out. */
extern const ReloadOps passwordFileHtpasswdOps; /* USER:HASH[:...] */
extern const ReloadOps passwordFilePlainOps;    /* USER:PASSWORD */
extern const ReloadOps passwordFileHa1Ops;      /* USER:REALM:HA1 */

/* The text of a user (of a realm: "USER:REALM"), or NULL; borrowed. */
const char *passwordFileLookup(const PasswordFile *file, const char *user);

/*
 * True when the file has the user and this is the password of its hash. A
 * user that is not there costs the check of somebody's: always the same one
 * for one name.
 */
bool passwordFileVerify(const PasswordFile *file, const char *user,
                        const char *password);

#endif
