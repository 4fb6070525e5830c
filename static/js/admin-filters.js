// A filter of a change list that is a field to type in: choosing applies it.
// Select2 announces a choice through jQuery alone.
"use strict";
django.jQuery(document).on("change", ".field-filter select", (event) => event.target.form.submit());
