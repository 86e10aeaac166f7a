/*
 * Is the value that a column holds now the value that the patch meant? The
 * database may spell it differently: 12.5 in numeric(10,2) reads 12.50.
 */
#ifndef CS_WRITERD_POST_IMAGE_H
#define CS_WRITERD_POST_IMAGE_H

#include "common/base/scalar.h"

bool post_image_equal(struct scalar actual, struct scalar meant);

#endif
