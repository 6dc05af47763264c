// Not ..._WITH_MAIN, which does nothing after a precompiled doctest.h.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

int main(int count, char **arguments) { return doctest::Context{count, arguments}.run(); }
