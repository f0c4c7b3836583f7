/* A URL rewriter: what was on old.test is now on new.test.
 *
 *     cc -o url_rewrite url_rewrite.c $(pkg-config --cflags --libs squire)
 *
 * The loop takes the channel-ID off a request and puts it before the reply. */
#include <squire/helper_serve.h>
#include <string.h>

static void
onRequest(HelperServe *serve, char *line, size_t len, void *data)
{
    char *url = helperServeWord(&line);

    bool isOld = url && strncmp(url, "http://old.test/", 16) == 0;

    (void)len, (void)data;
    if (isOld)
        helperServeAdd(serve, "rewrite-url", memcpy(url, "http://new", 10));
    helperServeReply(serve, isOld ? HELPER_OK : HELPER_ERR, NULL);
}

int
main(void)
{
    return helperServe(onRequest, NULL);
}
