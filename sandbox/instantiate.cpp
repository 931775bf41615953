// A plugin of GCC, for making precompiled headers alone: at `#pragma workbench instantiate` the
// compiler instantiates the templates that the headers so far use. It would put that off to the
// end of the file, which for a precompiled header means: of every file compiled with it. The
// templates are those of the headers, so it makes no difference to their meaning where it is done.
//
// GCC's own headers for plugins need not be installed: the few names used here are stable.

struct cpp_reader;
void c_register_pragma(const char* space, const char* name, void (*handler)(cpp_reader*));
void instantiate_pending_templates(int retries);

namespace {

struct NameArguments {
  char* base_name;
};
constexpr int kPragmas = 15;  // PLUGIN_PRAGMAS of enum plugin_event

void Instantiate(cpp_reader*) { instantiate_pending_templates(0); }

void Register(void*, void*) { c_register_pragma("workbench", "instantiate", Instantiate); }

}  // namespace

extern "C" {

int plugin_is_GPL_compatible;

void register_callback(const char* plugin, int event, void (*callback)(void*, void*), void* data);

int plugin_init(NameArguments* arguments, void*) {
  register_callback(arguments->base_name, kPragmas, Register, nullptr);
  return 0;
}
}
