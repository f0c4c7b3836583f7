/* basic_file_auth.c: names and passwords by an htpasswd file. */
#include "helper_serve.h"
#include "ids_option.h"
#include "password_file.h"

#include <string.h>

static void
refuse(HelperServe *serve, const char *message)
{
    helperServeAdd(serve, "message", message);
    helperServeReply(serve, HELPER_ERR, NULL);
}

/* A user may be called 1234. With a channel-ID there are two words more. */
static void
onRequest(HelperServe *serve, char *line, size_t len, void *data)
{
    char *user, *password;

    (void)len;
    if (!strpbrk(line, " \t"))
        line = helperServeWholeLine(serve);
    user = helperServeField(&line);
    password = helperServeField(&line);
    if (!user || !password)
        refuse(serve, "A name and a password are needed");
    else if (passwordFileVerify(reloadTable(data), user, password))
        helperServeReply(serve, HELPER_OK, NULL);
    else
        refuse(serve, "Wrong user name or password");
}

int
main(int argc, char **argv)
{
    Reload *file;
    HelperIds ids;
    int status;

    const char *path = idsOptionFile(argc, argv, &ids);
    if (!path)
        return 1;
    file = reloadOpen(&passwordFileHtpasswdOps, "basic_file_auth", path);
    if (!file)
        return 1;
    status = helperServeWith(ids, onRequest, file);
    reloadClose(&file);
    return status;
}
