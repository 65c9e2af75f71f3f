//! Hardware types: made, changed and deleted.

use edgehog_store::{HARDWARE_TYPE, HardwareTypeKey, HardwareTypePatch, NewHardwareType, Record, Selection};

use crate::problem::Check;
use crate::{Error, Tenant};

impl Tenant {
    /// Makes a hardware type. Part numbers of other hardware types become its own.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for values that are blank, taken or of the wrong form.
    pub async fn create_hardware_type(&self, new: &NewHardwareType) -> Result<HardwareTypeKey, Error> {
        let mut check = Check::default();
        let new = NewHardwareType {
            handle: check.handle(&new.handle),
            name: check.text("name", &new.name),
            part_numbers: check.texts("part_numbers", &new.part_numbers),
        };
        check.finish()?;
        self.write(async |tx| tx.hardware_type_create(&new).await).await
    }

    /// Changes a hardware type. Part numbers that are left out of a new list go on without a type.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for values that are blank, taken or of the wrong form, and where there is no such type.
    pub async fn update_hardware_type(
        &self,
        key: HardwareTypeKey,
        patch: &HardwareTypePatch,
    ) -> Result<(), Error> {
        let mut check = Check::default();
        let patch = HardwareTypePatch {
            handle: patch.handle.as_ref().map(|handle| check.handle(handle)),
            name: patch.name.as_ref().map(|name| check.text("name", name)),
            part_numbers: patch.part_numbers.as_ref().map(|numbers| check.texts("part_numbers", numbers)),
        };
        self.exists(&HARDWARE_TYPE, key).await?;
        check.finish()?;
        self.write_existing(async |tx| tx.hardware_type_update(key, &patch).await).await
    }

    /// Deletes a hardware type with its part numbers. Gives what it was.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such type, or a system model is of it.
    pub async fn delete_hardware_type(
        &self,
        key: HardwareTypeKey,
        selection: &Selection,
    ) -> Result<Record, Error> {
        self.delete(selection, key, async |tx| tx.hardware_type_delete(key).await).await
    }
}
