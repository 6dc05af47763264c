#include <pqlease/pqlease.hpp>

static_assert(PQLEASE_VERSION_MAJOR == 0);

// The test is that this program builds and links.
int main() { return pqlease::to_string(pqlease::Status::idle) == "idle" ? 0 : 1; }
