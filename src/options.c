/* options.c: the command line. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static const char *const actionNames[OPTIONS_ACTION_COUNT] = {
#define X(name, text) [OPTIONS_##name] = text,
    OPTIONS_ACTIONS(X)
#undef X
};

const char *
optionsActionName(OptionsAction action)
{
    CHECK(action < OPTIONS_ACTION_COUNT);
    return actionNames[action];
}

void
optionsUsage(FILE *out)
{
    fprintf(out,
            "usage: squire [-N] [-f FILE]\n"
            "       squire [-f FILE] -k parse|check|reconfigure|rotate|"
            "shutdown|kill\n"
            "       squire -v | -h\n"
            "  -f FILE  the configuration, otherwise %s\n"
            "  -N       stay in the foreground\n"
            "  -k WORD  parse: show the configuration with all its defaults\n"
            "           otherwise: send a signal to the running proxy\n"
            "  -v       show the version\n",
            CONFIG_FILE);
}

/* OPTIONS_ACTION_COUNT when word begins no action, or several. */
static OptionsAction
findAction(const char *word)
{
    OptionsAction found = OPTIONS_ACTION_COUNT;
    size_t len = strlen(word);

    for (int i = OPTIONS_RUN + 1; i < OPTIONS_ACTION_COUNT && len > 0; i++) {
        if (strncmp(actionNames[i], word, len) != 0)
            continue;
        if (found != OPTIONS_ACTION_COUNT)
            return OPTIONS_ACTION_COUNT;
        found = (OptionsAction)i;
    }
    return found;
}

/* A path that stays right when the process goes to another folder. */
static int
setPath(Options *options, const char *path)
{
    size_t used = 0;
    int len;

    if (path[0] != '/') {
        if (!getcwd(options->configPath, sizeof(options->configPath)))
            return -errno;
        used = strlen(options->configPath);
    }
    len =
        snprintf(options->configPath + used, sizeof(options->configPath) - used,
                 "%s%s", used ? "/" : "", path);
    return (size_t)len < sizeof(options->configPath) - used ? 0 : -ENAMETOOLONG;
}

static int
takeOption(Options *options, int letter, FILE *err)
{
    int rc;

    switch (letter) {
    case 'f':
        rc = setPath(options, optarg);
        if (rc != 0)
            fprintf(err, "squire: -f %.200s: %s\n", optarg, strerror(-rc));
        return rc ? -EINVAL : 0;
    case 'k':
        options->action = findAction(optarg);
        if (options->action != OPTIONS_ACTION_COUNT)
            return 0;
        fprintf(err,
                "squire: -k %.200s: expected parse, check, reconfigure, "
                "rotate, shutdown or kill\n",
                optarg);
        return -EINVAL;
    case 'N':
        options->foreground = true;
        return 0;
    case 'v':
        options->version = true;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    case ':':
        fprintf(err, "squire: -%c needs a word after it\n", optopt);
        return -EINVAL;
    default:
        fprintf(err, "squire: there is no option -%c; squire -h shows all\n",
                optopt);
        return -EINVAL;
    }
}

int
optionsParse(int argc, char *argv[], FILE *err, Options *optionsOut)
{
    Options options = {.action = OPTIONS_RUN};
    int letter;

    CHECK(setPath(&options, CONFIG_FILE) == 0);
    opterr = 0;
    optind = 0; /* begin anew, also after an earlier call */
    while ((letter = getopt(argc, argv, "+:f:k:Nvh")) != -1)
        if (takeOption(&options, letter, err) != 0)
            return -EINVAL;
    if (optind < argc) {
        fprintf(err, "squire: what is \"%.200s\"? squire -h shows the usage\n",
                argv[optind]);
        return -EINVAL;
    }
    *optionsOut = options;
    return 0;
}
