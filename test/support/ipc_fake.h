/*
 * ipc_fake.h: start fakes/fake_child over every transport, in every way.
 * All waits end after ten seconds and fail the test.
 * Thread: any, unless two share an IpcFake.
 */
#ifndef SQUIRE_IPC_FAKE_H
#define SQUIRE_IPC_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A transport, and a way to make the process: plain fork or not. */
typedef struct IpcWay {
    int type;
    bool isFork;
} IpcWay;

/* Every transport in both ways. */
extern IpcWay ipcWays[];
#define IPC_WAYS 10

/* Run a body once for each way, each time as a test of its own. */
#define IPC_WAY_TEST(suite, name)                                       \
    ParameterizedTestParameters(suite, name)                            \
    {                                                                   \
        return cr_make_param_array(IpcWay, ipcWays, IPC_WAYS);          \
    }                                                                   \
    ParameterizedTest(IpcWay *way, suite, name)

typedef struct IpcFake {
    pid_t pid;
    int rfd;
    int wfd;
} IpcFake;

/* Make later starts of this process go the way's way. */
void ipcFakeSetWay(const IpcWay *way);

/* The fake's path; returns borrowed. */
const char *ipcFakeProgram(void);

/* Start it in the mode and with the words given, NULL-terminated. */
IpcFake ipcFakeStart(int type, const char *mode, ...)
    __attribute__((sentinel));

/* Read what there is, once, as a string of at most size - 1 octets; returns
 * its length, 0 at end of file. Blocks. */
size_t ipcFakeRead(const IpcFake *fake, char *text, size_t size);

/* Read until text ends with LF or the file ends. Blocks. */
void ipcFakeReadLine(const IpcFake *fake, char *text, size_t size);

/* Write a text with one write. */
void ipcFakeWrite(const IpcFake *fake, const char *text);

/* ipcClose, then wait until the child has been reaped. Blocks. */
void ipcFakeClose(IpcFake *fake);

/* Wait until no child is left, sweeping as later calls of a program would.
 * Blocks. */
void ipcFakeAwaitNoChild(void);

#endif
