#include "common/base/metric.h"

void
metric_family(const struct metric_out *o, const char *name, const char *type,
    const char *help)
{
	buf_printf(o->text, "# TYPE %s_%s %s\n", o->prefix, name, type);
	buf_printf(o->text, "# HELP %s_%s %s\n", o->prefix, name, help);
}

void
metric_sample(const struct metric_out *o, const char *name, const char *suffix,
    const char *label, const char *value, uint64_t number)
{
	buf_printf(o->text, "%s_%s%s", o->prefix, name, suffix);
	if (label != NULL) {
		buf_printf(o->text, "{%s=\"%s\"}", label, value);
	}
	buf_printf(o->text, " %llu\n", (unsigned long long)number);
}

void
metric_gauge(const struct metric_out *o, const char *name, const char *help,
    uint64_t number)
{
	metric_family(o, name, "gauge", help);
	metric_sample(o, name, "", NULL, NULL, number);
}

void
metric_counter(const struct metric_out *o, const char *name, const char *help,
    uint64_t number)
{
	metric_family(o, name, "counter", help);
	metric_sample(o, name, "_total", NULL, NULL, number);
}

void
metric_end(const struct metric_out *o)
{
	buf_puts(o->text, "# EOF\n");
}
