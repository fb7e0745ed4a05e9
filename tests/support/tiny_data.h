/* SPDX-License-Identifier: MIT
 *
 * A small folder of made-up pictures with captions for tests of whole runs. File names and captions hold the word
 * "Secret", which must not turn up in what a run writes.
 */
#ifndef TINY_DATA_H
#define TINY_DATA_H

/* `folder` must not exist: picture files of 24x20 grey pixels and metadata.csv. Ends the test program on failure. */
void tiny_data_write(const char *folder, int count);

#endif
