#include "support/detail/certificate.hpp"

#include "support/detail/step_down.hpp"

#include <stdexcept>

namespace pqlease::testing {

namespace {

bool speaks_ssl(ServerTools const &tools) {
  auto const result = tools.run("postgres", {"-C", "ssl_library", "-D", tools.data_directory().string()});
  return result.status == 0 && result.output.find("OpenSSL") != std::string::npos;
}

}  // namespace

bool provide_certificate(ServerTools const &tools) {
  auto const openssl = find_program("openssl");
  if (!openssl || !speaks_ssl(tools)) return false;
  // An elliptic curve's key is made at once; openssl lets only its owner read it, as the server demands.
  auto const result = tools.run(
      *openssl, {"req", "-x509", "-nodes", "-days", "3650", "-subj", "/CN=localhost", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                 tools.data_directory() / "server.key", "-out", tools.data_directory() / "server.crt"});
  if (result.status == 0) return true;
  throw std::runtime_error{"openssl ended with status " + std::to_string(result.status) + "; it printed:\n" +
                           result.output};
}

}  // namespace pqlease::testing
