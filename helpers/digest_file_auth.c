/* digest_file_auth.c: HA1 of users by a file of passwords or of HA1s. */
#include "check.h"
#include "digest_query.h"
#include "helper_serve.h"
#include "ids_option.h"
#include "password_file.h"
#include "xalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AUTH_MAGIC 0x5e12e004u

typedef struct Auth {
    uint32_t magic;
    Reload *file;
    bool hasHa1; /* the file holds HA1s */
} Auth;

static void
say(HelperServe *serve, HelperResult result, const char *message)
{
    helperServeAdd(serve, "message", message);
    helperServeReply(serve, result, NULL);
}

static const char *
findText(const Auth *auth, const char *user, const char *realm)
{
    const PasswordFile *file = reloadTable(auth->file);
    char *key;
    const char *text;

    if (!auth->hasHa1)
        return passwordFileLookup(file, user);
    key = xasprintf("%s:%s", user, realm);
    text = passwordFileLookup(file, key);
    free(key);
    return text;
}

static void
onRequest(HelperServe *serve, char *line, size_t len, void *data)
{
    Auth *auth = data;
    char ha1[DIGEST_HA1_SIZE];
    char *user, *realm;
    const char *text;

    (void)len;
    CHECK_OBJ(auth, AUTH_MAGIC);
    if (!digestQueryParse(line, &user, &realm)) {
        say(serve, HELPER_BH, "Invalid line received");
        return;
    }
    text = findText(auth, user, realm);
    if (!text) {
        say(serve, HELPER_ERR, "No such user");
        return;
    }
    if (!auth->hasHa1 && !digestQueryHa1(user, realm, text, ha1)) {
        say(serve, HELPER_BH, "There is no MD5");
        return;
    }
    helperServeAdd(serve, "ha1", auth->hasHa1 ? text : ha1);
    helperServeReply(serve, HELPER_OK, NULL);
}

int
main(int argc, char **argv)
{
    Auth auth = {.magic = AUTH_MAGIC};
    HelperIds ids = HELPER_IDS_DETECT;
    bool isRight = true;
    int option, status;

    while ((option = getopt(argc, argv, IDS_OPTION "c")) != -1) {
        if (option == 'c')
            auth.hasHa1 = true;
        else
            isRight = idsOptionTake(option, optarg, &ids) && isRight;
    }
    if (!isRight || optind != argc - 1) {
        fprintf(stderr, "usage: digest_file_auth [-c] " IDS_USAGE " FILE\n");
        return 1;
    }
    auth.file =
        reloadOpen(auth.hasHa1 ? &passwordFileHa1Ops : &passwordFilePlainOps,
                   "digest_file_auth", argv[optind]);
    if (!auth.file)
        return 1;
    status = helperServeWith(ids, onRequest, &auth);
    reloadClose(&auth.file);
    return status;
}
