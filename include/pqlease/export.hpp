#pragma once

// What the shared library exports; everything else is hidden. The library is built for ELF platforms only.
#define PQLEASE_API [[gnu::visibility("default")]]
