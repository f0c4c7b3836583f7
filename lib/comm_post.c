/* comm_post.c: calls from other threads. Section 5. */
#include "comm_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

/* The queue is taken as a whole, so callbacks run without the lock and may
 * post again; what they post comes in a later turn. */
static void
runPosts(CommLoop *loop)
{
    CommPosted *posts;
    size_t count;

    pthread_mutex_lock(&loop->_shared.lock);
    posts = loop->_shared.posts;
    count = loop->_shared.count;
    loop->_shared.posts = NULL;
    loop->_shared.count = loop->_shared.size = 0;
    pthread_mutex_unlock(&loop->_shared.lock);
    for (size_t i = 0; i < count; i++)
        posts[i].cb(posts[i].data);
    free(posts);
}

static void
onWake(struct ev_loop *ev, ev_async *watcher, int revents)
{
    (void)ev;
    (void)revents;
    runPosts(watcher->data);
}

void
commPostInit(CommLoop *loop)
{
    CHECK(pthread_mutex_init(&loop->_shared.lock, NULL) == 0);
    ev_async_init(&loop->wake, onWake);
    loop->wake.data = loop;
    ev_async_start(loop->ev, &loop->wake);
    ev_unref(loop->ev);
}

void
commPostFini(CommLoop *loop)
{
    pthread_mutex_lock(&loop->_shared.lock);
    loop->_shared.isClosing = true;
    pthread_mutex_unlock(&loop->_shared.lock);
    runPosts(loop);
    ev_ref(loop->ev);
    ev_async_stop(loop->ev, &loop->wake);
    pthread_mutex_destroy(&loop->_shared.lock);
}

static void
appendLocked(CommLoop *loop, CommPosted post)
{
    size_t size = loop->_shared.size;

    if (loop->_shared.count == size) {
        size = size ? size * 2 : 16;
        loop->_shared.posts =
            xrealloc(loop->_shared.posts, size * sizeof(post));
        loop->_shared.size = size;
    }
    loop->_shared.posts[loop->_shared.count++] = post;
}

int
commPost(CommLoop *loop, CommPostCb *cb, void *data)
{
    bool isFirst, isClosing;

    CHECK_OBJ(loop, COMM_LOOP_MAGIC);
    pthread_mutex_lock(&loop->_shared.lock);
    isClosing = loop->_shared.isClosing;
    isFirst = !isClosing && loop->_shared.count == 0;
    if (!isClosing)
        appendLocked(loop, (CommPosted){cb, data});
    if (isFirst)
        ev_async_send(loop->ev, &loop->wake);
    pthread_mutex_unlock(&loop->_shared.lock);
    return isClosing ? -ESHUTDOWN : 0;
}
