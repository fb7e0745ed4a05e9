/* SPDX-License-Identifier: MIT
 * write_tiny_folder FOLDER SEED: a small model with random weights for the CLI tests. */
#include <stdio.h>
#include <stdlib.h>

#include "support/tiny_folder.h"

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: write_tiny_folder FOLDER SEED\n");
        return 2;
    }
    tiny_folder_write(argv[1], strtoull(argv[2], NULL, 10));
    return 0;
}
