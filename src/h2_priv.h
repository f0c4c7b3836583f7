/*
 * h2_priv.h: what the files of HTTP/2 share.
 *
 * An H2Session has the connection, nghttp2 and a H2Stream for each request.
 * A stream has our end of a pair of sockets: h2_request.c makes the head
 * that goes up there, h2_reply.c reads what comes down. Thread: loop.
 */
#ifndef SQUIRE_H2_PRIV_H
#define SQUIRE_H2_PRIV_H

#include <nghttp2/nghttp2.h>

#include "buf.h"
#include "comm.h"
#include "h2.h"
#include "http_chunk.h"
#include "http_message.h"
#include "list.h"

#define H2_SESSION_MAGIC 0x4b2c5e51u
#define H2_STREAM_MAGIC 0x4b2c5e52u
#define H2_STREAMS_MAX 100u
#define H2_STREAM_WINDOW (256u * 1024) /* octets of a body, not handed on */
#define H2_SESSION_WINDOW (1024u * 1024)
#define H2_FIELDS_MAX (64u * 1024) /* of one head */
#define H2_READ_SIZE 16384u

/* The fields in front of a request (RFC 9113 8.3.1). */
typedef enum H2Pseudo {
    H2_PSEUDO_METHOD,
    H2_PSEUDO_SCHEME,
    H2_PSEUDO_AUTHORITY,
    H2_PSEUDO_PATH,
    H2_PSEUDO_COUNT
} H2Pseudo;

/* The head of a request, while it comes in. */
typedef struct H2Request {
    char *pseudo[H2_PSEUDO_COUNT]; /* NULL: not there */
    HttpHeaders fields;
    Buf cookie; /* the members of all Cookie fields */
    int status; /* to refuse it with; 0: nothing is wrong */
} H2Request;

/* Prepare caller's storage. */
void h2RequestInit(H2Request *request);

/* Free the memory. */
void h2RequestFini(H2Request *request);

/* Note one field; copies both. What is wrong is remembered in status. */
void h2RequestAdd(H2Request *request, HttpSlice name, HttpSlice value);

/* True when this is its method. */
bool h2RequestIs(const H2Request *request, const char *method);

/* True when its body comes in chunks, since its length is not told. */
bool h2RequestIsChunked(const H2Request *request, bool hasBody);

/*
 * Append its head as HTTP/1.1 writes it. hasBody: there is more than the
 * head. 0, or the status to refuse it with: 400 or 431. RFC 9113 8.3.1, 8.5.
 */
int h2RequestFormat(H2Request *request, bool isOriginForm, bool hasBody,
                    Buf *out);

/* Remove what HTTP/2 says by frames (RFC 9113 8.2.2). */
void h2FieldsDrop(HttpHeaders *fields);

typedef enum H2ReplyEvent {
    H2_REPLY_MORE,    /* the octets that are not used are due again */
    H2_REPLY_INTERIM, /* a 1xx head is in response */
    H2_REPLY_HEAD,    /* the head is in response */
    H2_REPLY_BODY,    /* octets of the body, in *bodyOut */
    H2_REPLY_DONE,    /* with fields in trailer, perhaps */
    H2_REPLY_ERROR,
    H2_REPLY_EVENT_COUNT
} H2ReplyEvent;

/* An answer of the server, while it is read. */
typedef struct H2Reply {
    HttpResponse response;
    HttpResponse trailer; /* status 0: none */
    HttpChunk chunk;
    Buf trailerText;
    HttpFraming framing;
    uint64_t left; /* of the body, with HTTP_FRAMING_LENGTH */
    bool hasHead;
    bool isBodyless; /* the request was HEAD */
    bool isTunnel;   /* the request was CONNECT */
    bool isDone;
} H2Reply;

/* Prepare caller's storage for the answer to this request. */
void h2ReplyInit(H2Reply *reply, const H2Request *request);

/* Free the memory. */
void h2ReplyFini(H2Reply *reply);

/* Read octets until there is something to say. usedOut: how many were used;
 * bodyOut: points into data. A head is used as a whole. */
H2ReplyEvent h2ReplyFeed(H2Reply *reply, const char *data, size_t len,
                         size_t *usedOut, HttpSlice *bodyOut);

/* No more octets come. True: that is how it ends. */
bool h2ReplyEnd(H2Reply *reply);

typedef struct H2Stream H2Stream;

struct H2Session {
    uint32_t magic;
    H2Config config;
    Stream stream;
    nghttp2_session *frames;
    ListNode streams;
    unsigned active; /* streams whose request was handed on */
    int64_t idleUntilUs;
    Buf out;
    CommDeferred flush;
    bool isDraining;
};

/* There are frames to send, or the session may be over: see to it at the end
 * of this turn. */
void h2SessionWake(H2Session *session);

/* A request more, or less, is at work. */
void h2SessionCount(H2Session *session, int change);

/* A request begins. Returns owned by the session until Destroy. */
H2Stream *h2StreamCreate(H2Session *session, int32_t id);

/* The stream that is linked into its session by node. */
H2Stream *h2StreamOf(ListNode *node);

/* Close our end and free it; the stream of nghttp2 is gone, or will be. */
void h2StreamDestroy(H2Stream *stream);

/* A field of its head, or of its trailer. */
void h2StreamField(H2Stream *stream, HttpSlice name, HttpSlice value);

/* The head is complete; isEnd: there is no body. */
void h2StreamStart(H2Stream *stream, bool isEnd);

/* Octets of the body. They are told to be consumed when handed on. */
void h2StreamBody(H2Stream *stream, const uint8_t *data, size_t len);

/* The request is complete. */
void h2StreamEnd(H2Stream *stream);

/* The end of the answer was sent; perhaps not all of the request is here. */
void h2StreamAnswered(H2Stream *stream);

#endif
