#include "support/psql.hpp"

#include "support/detail/server_programs.hpp"
#include "support/subprocess.hpp"

namespace pqlease::testing {

std::string psql(std::string const &conninfo, std::string const &sql, Inherited inherited) {
  static auto const program = find_psql().string();
  auto output = run_checked({program, "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", conninfo},
                            {.environment = {"PGCONNECT_TIMEOUT=10"}, .inherited = inherited, .input = sql});
  if (output.ends_with('\n')) output.pop_back();
  return output;
}

void terminate_backend(std::string const &conninfo, int pid, Inherited inherited) {
  // The snapshot of the statistics is kept for the length of a transaction unless it is thrown away.
  auto const sql = R"(
    DO $$
    DECLARE
      victim CONSTANT int := )" +
                   std::to_string(pid) + R"(;
      deadline CONSTANT timestamptz := clock_timestamp() + interval '10 s';
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = victim) THEN
        RAISE 'there is no backend %', victim;
      END IF;
      PERFORM pg_terminate_backend(victim);
      WHILE EXISTS (SELECT FROM pg_stat_activity WHERE pid = victim) LOOP
        IF clock_timestamp() > deadline THEN
          RAISE 'backend % does not end', victim;
        END IF;
        PERFORM pg_sleep(0.002), pg_stat_clear_snapshot();
      END LOOP;
    END $$;)";
  psql(conninfo, sql, inherited);
}

}  // namespace pqlease::testing
