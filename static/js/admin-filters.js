// Fields to choose from by typing.  Select2 announces a choice through jQuery alone.
"use strict";
{
  const $ = django.jQuery;

  // A filter of a change list that is such a field: choosing applies it.
  $(document).on("change", ".field-filter select", (event) => event.target.form.submit());

  // Select2 names a field by what is chosen in it, which may be nothing: its label comes first.
  const name = () => {
    for (const select of document.querySelectorAll(".select2-hidden-accessible")) {
      const label = select.labels[0] ?? select.closest("details")?.querySelector("summary");
      const box = select.nextElementSibling.querySelector(".select2-selection");
      const chosen = box.querySelector(".select2-selection__rendered");
      if (!label || !chosen.id) continue;
      label.id ||= `${select.id}_label`;
      box.setAttribute("aria-labelledby", `${label.id} ${chosen.id}`);
      chosen.setAttribute("aria-labelledby", label.id);
    }
  };
  $(name);
  document.addEventListener("formset:added", name);
}
