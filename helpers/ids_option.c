/* ids_option.c: the option that says whether lines have a channel-ID. */
#include "ids_option.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
idsOptionTake(int option, const char *value, HelperIds *idsOut)
{
    bool isOn = option == 'i' && strcmp(value, "on") == 0;

    if (!isOn && (option != 'i' || strcmp(value, "off") != 0))
        return false;
    *idsOut = isOn ? HELPER_IDS_ON : HELPER_IDS_OFF;
    return true;
}

const char *
idsOptionFile(int argc, char **argv, HelperIds *idsOut)
{
    const char *slash = strrchr(argv[0], '/');
    bool isRight = true;
    int option;

    *idsOut = HELPER_IDS_DETECT;
    while ((option = getopt(argc, argv, IDS_OPTION)) != -1)
        isRight = idsOptionTake(option, optarg, idsOut) && isRight;
    if (isRight && optind == argc - 1)
        return argv[optind];
    fprintf(stderr, "usage: %s " IDS_USAGE " FILE\n",
            slash ? slash + 1 : argv[0]);
    return NULL;
}
