#pragma once
// sallyport import compare: the same probes on two servers, and their differences. A function for the main thread; `import`
// and `exit_code` must outlive the parsing.

namespace CLI {
class App;
}

namespace sallyport::cli {

void add_compare_command(CLI::App& import, int& exit_code);

}  // namespace sallyport::cli
